namespace Streams.Processors;

/// <summary>
/// A grouped stream's aggregate: one row per group (and window), one column per value. Add further values by chaining, and
/// name the table with <see cref="ToTable"/>.
/// </summary>
/// <remarks>
/// The table is the state. Within a commit cycle deltas are added up in memory; at commit PostgreSQL merges them. Groups
/// need not be the Kafka key: there is no repartition topic, no changelog topic to restore from, and nothing to load when
/// a partition moves.
/// </remarks>
public sealed class Aggregation<TKey, TValue, TGroup>
{
    private readonly AggregateNode<TKey, TValue, TGroup> _node;

    internal Aggregation(GroupedStream<TKey, TValue, TGroup> grouped, string role, AggregateColumn<TValue> column)
    {
        _node = grouped.Stream.Node.Builder.Add(new AggregateNode<TKey, TValue, TGroup>(grouped, role));
        _node.Columns.Add(column);
    }

    /// <summary>Names the table that holds the aggregate. Key columns: the group's; before them <c>window_start</c> if windowed, or after them <c>session_start</c> of sessions.</summary>
    /// <param name="name">The table's name; at most 63 bytes.</param>
    /// <param name="schema">The PostgreSQL schema to put it in; the application's own when absent.</param>
    public ResultTable ToTable(string name, string? schema = null)
    {
        _node.TableName = name;
        _node.Schema = schema;
        return new ResultTable(topic => _node.ChangelogTopic = topic);
    }

    internal Aggregation<TKey, TValue, TGroup> With(AggregateColumn<TValue> column)
    {
        _node.Columns.Add(column);
        return this;
    }
}

/// <summary>A table that an aggregate keeps.</summary>
public sealed class ResultTable
{
    private readonly Action<string> _setChangelog;

    internal ResultTable(Action<string> setChangelog) => _setChangelog = setChangelog;

    /// <summary>
    /// Sends each changed row to a topic, as its changelog: the key is a JSON object of the key columns, the value one of
    /// all columns. The last value of a key is its total; values may repeat. A session that becomes part of an earlier one, or gets an
    /// earlier start, leaves a null under its former key: a tombstone.
    /// </summary>
    public ResultTable ToTopic(string topic)
    {
        _setChangelog(topic);
        return this;
    }
}
