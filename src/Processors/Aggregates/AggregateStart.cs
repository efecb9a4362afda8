namespace Streams.Processors;

/// <summary>The two ways an aggregate column comes into being: first of an aggregation, or one more.</summary>
internal static class AggregateStart
{
    public static Aggregation<TKey, TValue, TGroup> From<TKey, TValue, TGroup>(GroupedStream<TKey, TValue, TGroup> grouped, AggregateColumn<TValue> column)
    {
        ArgumentNullException.ThrowIfNull(grouped);
        return new Aggregation<TKey, TValue, TGroup>(grouped, "AGGREGATE", column);
    }

    public static Aggregation<TKey, TValue, TGroup> Add<TKey, TValue, TGroup>(Aggregation<TKey, TValue, TGroup> aggregation, AggregateColumn<TValue> column)
    {
        ArgumentNullException.ThrowIfNull(aggregation);
        return aggregation.With(column);
    }
}
