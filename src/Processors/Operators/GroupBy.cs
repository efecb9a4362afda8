namespace Streams.Processors;

/// <summary><c>.GroupBy(...)</c>, <c>.GroupByKey()</c>, <c>.WindowedBy(...)</c>: assign records to groups and windows, for an aggregate to add up.</summary>
public static class GroupByOperator
{
    /// <summary>Groups by something of the value. The group need not be the Kafka key, and nothing is repartitioned.</summary>
    /// <param name="stream">The records.</param>
    /// <param name="group">The group: a plain value (one key column), or a type whose public properties are the key columns, in snake case.</param>
    /// <param name="column">The key column's name when the group is a plain value; <c>key</c> when absent.</param>
    /// <example><code>errors.GroupBy(e => new ErrorKey(e.Path, e.Status))</code></example>
    public static GroupedStream<TKey, TValue, TGroup> GroupBy<TKey, TValue, TGroup>(this Stream<TKey, TValue> stream, Func<TValue, TGroup> group, string? column = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new GroupedStream<TKey, TValue, TGroup>(stream, (in record) => group(record.Value), readsKey: false, column, windows: null);
    }

    /// <summary>Groups by something of key and value.</summary>
    public static GroupedStream<TKey, TValue, TGroup> GroupBy<TKey, TValue, TGroup>(this Stream<TKey, TValue> stream, Func<TKey, TValue, TGroup> group, string? column = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new GroupedStream<TKey, TValue, TGroup>(stream, (in record) => group(record.Key, record.Value), readsKey: true, column, windows: null);
    }

    /// <summary>Groups by the key.</summary>
    public static GroupedStream<TKey, TValue, TKey> GroupByKey<TKey, TValue>(this Stream<TKey, TValue> stream, string? column = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new GroupedStream<TKey, TValue, TKey>(stream, (in record) => record.Key, readsKey: true, column, windows: null);
    }

    /// <summary>
    /// Aggregates per window of event time: tumbling, hopping, or sessions. A window takes records until the stream time of their source
    /// partition passes its end plus grace; later ones are counted as late and change nothing (<see cref="LateOperator"/> passes them on).
    /// </summary>
    /// <example><code>grouped.WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1)))</code></example>
    public static GroupedStream<TKey, TValue, TGroup> WindowedBy<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, Windows windows)
    {
        ArgumentNullException.ThrowIfNull(grouped);
        ArgumentNullException.ThrowIfNull(windows);
        return new GroupedStream<TKey, TValue, TGroup>(grouped.Stream, grouped.Selector, grouped.ReadsKey, grouped.Column, windows);
    }
}
