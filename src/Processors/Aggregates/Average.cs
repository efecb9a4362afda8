namespace Streams.Processors;

/// <summary>
/// <c>.Average(...)</c>: the mean of a number over a group's records, <c>double precision</c>. Three columns: the mean
/// (computed by the table), and the sum and the count it comes from (<c>NAME_sum</c>, <c>NAME_count</c>), which merge.
/// </summary>
public static class AverageAggregate
{
    /// <summary>The mean of each group.</summary>
    /// <example><code>clicks.GroupBy(c => c.Path).Average(c => c.Milliseconds, "latency").ToTable("latencies")</code></example>
    public static Aggregation<TKey, TValue, TGroup> Average<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Func<TValue, double> number, string column = "average")
    {
        var (mean, sum, count) = Columns(number, column);
        return AggregateStart.From(grouped, sum).With(count).With(mean);
    }

    /// <summary>Adds a mean to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Average<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, Func<TValue, double> number, string column = "average")
    {
        var (mean, sum, count) = Columns(number, column);
        return AggregateStart.Add(aggregation, sum).With(count).With(mean);
    }

    private static (AggregateColumn<TValue> Mean, AggregateColumn<TValue> Sum, AggregateColumn<TValue> Count) Columns<TValue>(Func<TValue, double> number, string name)
    {
        var mean = new Column(name, ColumnType.Double, Nullable: true, MergeRule.Quotient) { Dividend = $"{name}_sum", Divisor = $"{name}_count" };
        return (new AggregateColumn<TValue>([mean], null), SumColumn.Of(number, $"{name}_sum"), CountAggregate.Column<TValue>($"{name}_count"));
    }
}
