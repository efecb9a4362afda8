using System.Numerics;

namespace Streams.Processors;

/// <summary><c>.Min(...)</c>: the smallest number over a group's records. NaN counts as larger than every number, as in PostgreSQL.</summary>
public static class MinAggregate
{
    /// <summary>The smallest whole number of each group.</summary>
    /// <example><code>clicks.GroupBy(c => c.Path).Min(c => c.Bytes, "min_bytes").ToTable("traffic")</code></example>
    public static Aggregation<TKey, TValue, TGroup> Min<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, long> number, string column = "min") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>The smallest floating-point number of each group.</summary>
    public static Aggregation<TKey, TValue, TGroup> Min<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, double> number, string column = "min") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>The smallest decimal of each group.</summary>
    public static Aggregation<TKey, TValue, TGroup> Min<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, decimal> number, string column = "min") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>Adds the smallest whole number to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Min<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, long> number, string column = "min") =>
        AggregateStart.Add(aggregation, Column(number, column));

    /// <summary>Adds the smallest floating-point number to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Min<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, double> number, string column = "min") =>
        AggregateStart.Add(aggregation, Column(number, column));

    /// <summary>Adds the smallest decimal to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Min<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, decimal> number, string column = "min") =>
        AggregateStart.Add(aggregation, Column(number, column));

    private static AggregateColumn<TValue> Column<TValue, TNumber>(Func<TValue, TNumber> number, string name)
        where TNumber : struct, INumber<TNumber> =>
        new([new Column(name, ColumnTypes.Of(typeof(TNumber))!.Value, Merge: MergeRule.Least)], () => new MinAccumulator<TValue, TNumber>(number));
}

internal sealed class MinAccumulator<TValue, TNumber>(Func<TValue, TNumber> number) : NumberAccumulator<TValue, TNumber>
    where TNumber : struct, INumber<TNumber>
{
    protected override TNumber Select(in TValue value, DateTime time) => number(value);

    protected override TNumber Combine(TNumber left, TNumber right) => TNumber.MinNumber(left, right);
}
