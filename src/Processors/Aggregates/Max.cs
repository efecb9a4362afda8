using System.Numerics;

namespace Streams.Processors;

/// <summary><c>.Max(...)</c>: the largest number over a group's records. NaN counts as larger than every number, as in PostgreSQL.</summary>
public static class MaxAggregate
{
    /// <summary>The largest whole number of each group.</summary>
    /// <example><code>clicks.GroupBy(c => c.Path).Max(c => c.Bytes, "max_bytes").ToTable("traffic")</code></example>
    public static Aggregation<TKey, TValue, TGroup> Max<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, long> number, string column = "max") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>The largest floating-point number of each group.</summary>
    public static Aggregation<TKey, TValue, TGroup> Max<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, double> number, string column = "max") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>The largest decimal of each group.</summary>
    public static Aggregation<TKey, TValue, TGroup> Max<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, decimal> number, string column = "max") =>
        AggregateStart.From(grouped, Column(number, column));

    /// <summary>Adds the largest whole number to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Max<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, long> number, string column = "max") =>
        AggregateStart.Add(aggregation, Column(number, column));

    /// <summary>Adds the largest floating-point number to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Max<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, double> number, string column = "max") =>
        AggregateStart.Add(aggregation, Column(number, column));

    /// <summary>Adds the largest decimal to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Max<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, decimal> number, string column = "max") =>
        AggregateStart.Add(aggregation, Column(number, column));

    private static AggregateColumn<TValue> Column<TValue, TNumber>(Func<TValue, TNumber> number, string name)
        where TNumber : struct, INumber<TNumber> =>
        new([new Column(name, ColumnTypes.Of(typeof(TNumber))!.Value, Merge: MergeRule.Greatest)], () => new MaxAccumulator<TValue, TNumber>(number));
}

internal sealed class MaxAccumulator<TValue, TNumber>(Func<TValue, TNumber> number) : NumberAccumulator<TValue, TNumber>
    where TNumber : struct, INumber<TNumber>
{
    protected override TNumber Select(in TValue value, DateTime time) => number(value);

    protected override TNumber Combine(TNumber left, TNumber right) => TNumber.Max(left, right);
}
