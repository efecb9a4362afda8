using System.Numerics;

namespace Streams.Processors;

/// <summary>
/// <c>.Sum(...)</c>: the sum of a number over a group's records. <see cref="long"/> gives <c>bigint</c>, <see cref="double"/>
/// <c>double precision</c> (rounded as the order of addition has it), <see cref="decimal"/> <c>numeric</c> (exact).
/// </summary>
public static class SumAggregate
{
    /// <summary>Sums whole numbers. A total beyond 2^63-1 is refused by PostgreSQL; sum decimals where that can happen.</summary>
    /// <example><code>clicks.GroupBy(c => c.Path).Sum(c => c.Bytes, "bytes").ToTable("traffic")</code></example>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, long> number, string column = "sum") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>Sums floating-point numbers.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, double> number, string column = "sum") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>Sums decimals, exactly.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, decimal> number, string column = "sum") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>Adds a sum of whole numbers to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, long> number, string column = "sum") =>
        AggregateStart.Add(aggregation, Column(number, column));

    /// <summary>Adds a sum of floating-point numbers to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, double> number, string column = "sum") =>
        AggregateStart.Add(aggregation, Column(number, column));

    /// <summary>Adds a sum of decimals to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Sum<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, decimal> number, string column = "sum") =>
        AggregateStart.Add(aggregation, Column(number, column));

    internal static AggregateColumn<TValue> Column<TValue, TNumber>(Func<TValue, TNumber> number, string name)
        where TNumber : struct, INumber<TNumber> =>
        new([new Column(name, ColumnTypes.Of(typeof(TNumber))!.Value, Merge: MergeRule.Add)], () => new SumAccumulator<TValue, TNumber>(number));
}

internal sealed class SumAccumulator<TValue, TNumber>(Func<TValue, TNumber> number) : NumberAccumulator<TValue, TNumber>
    where TNumber : struct, INumber<TNumber>
{
    protected override TNumber Select(in TValue value) => number(value);

    protected override TNumber Combine(TNumber left, TNumber right) => checked(left + right);
}
