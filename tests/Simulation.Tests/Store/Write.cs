using Streams;
using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Simulation.Tests.Store;

/// <summary>One partition's move, under its fence.</summary>
internal sealed record Move(TopicPartition Partition, long Epoch, long? ReadFrom, long NextOffset, DateTime? StreamTime);

/// <summary>How a replay went.</summary>
internal sealed record ReplayMark(TopicPartition Partition, long Offset, long Number, bool HasFailed);

/// <summary>Rows for one table, in key order.</summary>
internal sealed record TableRows(TableSchema Table, IReadOnlyList<(RowKey Key, object?[] Values)> Rows);

/// <summary>What a merge made of rows: those that changed, and those that stand no more.</summary>
internal sealed record MergedRows(TableSchema Table, List<object?[]> Changed, List<object?[]> Gone)
{
    /// <summary>The former, with all columns.</summary>
    public RowBuffer ChangedRows() => Write.ToBuffer(Table, Changed);

    /// <summary>The latter's keys.</summary>
    public RowBuffer GoneKeys()
    {
        var keys = new RowBuffer(Table, Table.KeyColumns);
        foreach (var row in Gone)
        {
            var values = row.Where((_, i) => Table.Columns[i].Merge == MergeRule.Key).ToList();
            for (var i = 0; i < values.Count; i++)
            {
                keys.Columns[i].AppendValue(values[i]);
            }
        }

        return keys;
    }
}

/// <summary>
/// What a cycle sends to the server: copied out of the change sets at once, as bytes on a wire would be. The node may have
/// thrown those away by the time the server gets to it.
/// </summary>
internal sealed record Write(
    IReadOnlyList<Move> Moves,
    IReadOnlyList<TableRows> Appends,
    IReadOnlyList<TableRows> Merges,
    IReadOnlyList<DeadLetter> DeadLetters,
    IReadOnlyList<ReplayMark> Replays)
{
    public static Write Of(IReadOnlyList<TaskCommit> tasks)
    {
        var sorted = tasks.OrderBy(t => t.Changes.Partition).ToList();
        var first = sorted[0].Changes;
        var appends = Enumerable.Range(0, first.Rows.Count)
            .Select(slot => new TableRows(first.Rows[slot].Table, [.. sorted.SelectMany(t => Read(t.Changes.Rows[slot]))]))
            .Where(t => t.Rows.Count > 0);
        var merges = Enumerable.Range(0, first.Aggregates.Count).Select(slot => Sum([.. sorted.Select(t => t.Changes.Aggregates[slot])]));
        return new Write(
            [.. sorted.Select(t => new Move(t.Changes.Partition, t.Epoch, t.ReadFrom, t.Changes.NextOffset, t.Changes.StreamTime))],
            [.. appends.OrderBy(t => t.Table.Name, StringComparer.Ordinal)],
            [.. merges],
            [.. sorted.SelectMany(t => t.Changes.DeadLetters)],
            ReplaysOf(sorted));
    }

    public static IReadOnlyList<ReplayMark> ReplaysOf(IEnumerable<TaskCommit> tasks) =>
        [.. tasks.SelectMany(t => t.Changes.Replays.Select(r => new ReplayMark(t.Changes.Partition, r.Offset, r.Number, r.Failure is not null)))];

    /// <summary>The whole keys of the states that a partition's batch asks for.</summary>
    public static IReadOnlyList<RowKey> KeysOf(TopicPartition partition, StateLoad load) =>
    [
        .. Enumerable.Range(0, load.Keys.Count)
            .Select(row => new RowKey([partition.Topic, partition.Partition, .. load.Keys.Columns.Select(c => c.ValueAt(row)!)])),
    ];

    /// <summary>The rows as a buffer, with all columns of the table.</summary>
    public static RowBuffer ToBuffer(TableSchema table, IEnumerable<object?[]> rows)
    {
        var buffer = new RowBuffer(table, table.Columns);
        foreach (var row in rows)
        {
            for (var i = 0; i < row.Length; i++)
            {
                buffer.Columns[i].AppendValue(row[i]);
            }
        }

        return buffer;
    }

    private static TableRows Sum(IReadOnlyList<AggregateChanges> ofTasks)
    {
        var sum = ofTasks[0].CreateEmpty();
        foreach (var changes in ofTasks)
        {
            sum.MergeFrom(changes);
        }

        using var rows = sum.ToRows();
        return new TableRows(ofTasks[0].Table, [.. Read(rows)]);
    }

    private static IEnumerable<(RowKey Key, object?[] Values)> Read(RowBuffer rows)
    {
        foreach (var row in rows.SortedByKey())
        {
            object?[] values = [.. rows.Columns.Select(c => c.ValueAt(row))];
            yield return (new RowKey([.. values.Where((_, i) => rows.Columns[i].Column.Merge == MergeRule.Key).Select(v => v!)]), values);
        }
    }
}
