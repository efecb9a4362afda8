namespace Streams.Processors;

/// <summary><c>.Count()</c>: how many records a group has. Column type <c>bigint</c>.</summary>
public static class CountAggregate
{
    /// <summary>Counts the records of each group.</summary>
    /// <param name="grouped">The groups.</param>
    /// <param name="column">The column's name.</param>
    /// <example><code>errors.GroupBy(e => new ErrorKey(e.Path, e.Status)).Count("n").ToTable("error_counts")</code></example>
    public static Aggregation<TKey, TValue, TGroup> Count<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, string column = "count") =>
        AggregateStart.From(grouped, Column<TValue>(column));

    /// <summary>Adds a count to an aggregate.</summary>
    public static Aggregation<TKey, TValue, TGroup> Count<TKey, TValue, TGroup>(this Aggregation<TKey, TValue, TGroup> aggregation, string column = "count") =>
        AggregateStart.Add(aggregation, Column<TValue>(column));

    internal static AggregateColumn<TValue> Column<TValue>(string name) =>
        new([new Column(name, ColumnType.BigInt, Merge: MergeRule.Add)], () => new CountAccumulator<TValue>());
}

internal sealed class CountAccumulator<TValue> : NumberAccumulator<TValue, long>
{
    protected override long Select(in TValue value, DateTime time) => 1;

    protected override long Combine(long left, long right) => left + right;
}
