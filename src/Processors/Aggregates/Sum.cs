using System.Globalization;
using System.Numerics;

namespace Streams.Processors;

/// <summary>
/// <c>.Sum(...)</c>: the sum of a number over a group's records. <see cref="long"/> gives <c>numeric</c>, as PostgreSQL's own
/// <c>sum(bigint)</c> does: no total is too large. <see cref="decimal"/> gives <c>numeric</c>, too, and <see cref="double"/>
/// <c>double precision</c> (rounded as the order of addition has it).
/// </summary>
public static class SumAggregate
{
    /// <summary>Sums whole numbers, exactly.</summary>
    /// <example><code>clicks.GroupBy(c => c.Path).Sum(c => c.Bytes, "bytes").ToTable("traffic")</code></example>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, long> number, string column = "sum") =>
        AggregateStart.From(grouped, SumColumn.Of(number, column));

    /// <summary>Sums floating-point numbers. A finite one beyond ±1E+300 makes its record a dead letter: PostgreSQL refuses totals that overflow.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, double> number, string column = "sum") =>
        AggregateStart.From(grouped, SumColumn.Of(number, column));

    /// <summary>Sums decimals, exactly up to 28 digits. One beyond ±1E+18 makes its record a dead letter.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, decimal> number, string column = "sum") =>
        AggregateStart.From(grouped, SumColumn.Of(number, column));

    /// <summary>Adds a sum of whole numbers to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, long> number, string column = "sum") =>
        AggregateStart.Add(aggregation, SumColumn.Of(number, column));

    /// <summary>Adds a sum of floating-point numbers to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, double> number, string column = "sum") =>
        AggregateStart.Add(aggregation, SumColumn.Of(number, column));

    /// <summary>Adds a sum of decimals to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, decimal> number, string column = "sum") =>
        AggregateStart.Add(aggregation, SumColumn.Of(number, column));
}

/// <summary>A column that holds a sum.</summary>
internal static class SumColumn
{
    private const double MaxDouble = 1e300;
    private const decimal MaxDecimal = 1e18m;

    public static AggregateColumn<TValue> Of<TValue>(Func<TValue, long> number, string name) =>
        new([Column(name, ColumnType.Numeric)], () => new WholeSumAccumulator<TValue>(number));

    public static AggregateColumn<TValue> Of<TValue>(Func<TValue, double> number, string name) =>
        new([Column(name, ColumnType.Double)], () => new SumAccumulator<TValue, double>(value => Checked(number(value), name)));

    public static AggregateColumn<TValue> Of<TValue>(Func<TValue, decimal> number, string name) =>
        new([Column(name, ColumnType.Numeric)], () => new SumAccumulator<TValue, decimal>(value => Checked(number(value), name)));

    private static Column Column(string name, ColumnType type) => new(name, type, Merge: MergeRule.Add);

    private static double Checked(double number, string column) =>
        !double.IsFinite(number) || Math.Abs(number) <= MaxDouble ? number : throw TooLarge(column, number, MaxDouble);

    private static decimal Checked(decimal number, string column) =>
        Math.Abs(number) <= MaxDecimal ? number : throw TooLarge(column, number, MaxDecimal);

    private static RecordRejectedException TooLarge(string column, IFormattable number, IFormattable limit) =>
        new(string.Create(CultureInfo.InvariantCulture, $"Column {column}: {number} is too large to be summed; the limit is {limit}."));
}

internal sealed class SumAccumulator<TValue, TNumber>(Func<TValue, TNumber> number) : NumberAccumulator<TValue, TNumber>
    where TNumber : struct, INumber<TNumber>
{
    protected override TNumber Select(in TValue value, DateTime time) => number(value);

    protected override TNumber Combine(TNumber left, TNumber right) => left + right;
}

/// <summary>Adds 64-bit numbers up in 128 bits, which no commit cycle can fill.</summary>
internal sealed class WholeSumAccumulator<TValue>(Func<TValue, long> number) : NumberAccumulator<TValue, Int128>
{
    public override void AppendTo(ColumnBuffer column, int row) => ((ColumnBuffer<decimal>)column).Append((decimal)Delta(row));

    protected override Int128 Select(in TValue value, DateTime time) => number(value);

    protected override Int128 Combine(Int128 left, Int128 right) => left + right;
}
