using Npgsql;
using NpgsqlTypes;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>The statements on the rows that say who owns which partition, and what their answers mean.</summary>
internal static class Fence
{
    /// <summary>Takes partitions over.</summary>
    public static NpgsqlBatchCommand Acquire(Sql sql, IReadOnlyList<TopicPartition> sorted, string node) => new(sql.Acquire)
    {
        Parameters = { ArrayParameters.Topics(sorted), ArrayParameters.Numbers(sorted), new NpgsqlParameter<string> { TypedValue = node } },
    };

    /// <summary>Asks for the eras of partitions.</summary>
    public static NpgsqlBatchCommand Eras(Sql sql, IReadOnlyList<TopicPartition> partitions) => new(sql.Eras)
    {
        Parameters = { ArrayParameters.Topics(partitions), ArrayParameters.Numbers(partitions) },
    };

    /// <summary>Moves offsets; see <see cref="CheckAsync"/> for the answer.</summary>
    public static NpgsqlBatchCommand Move(Sql sql, IReadOnlyList<TaskCommit> sorted, string node)
    {
        var partitions = sorted.Select(t => t.Changes.Partition).ToArray();
        return new NpgsqlBatchCommand(sql.Fence)
        {
            Parameters =
            {
                ArrayParameters.Topics(partitions),
                ArrayParameters.Numbers(partitions),
                ArrayParameters.Of(sorted.Select(t => t.Epoch).ToArray(), NpgsqlDbType.Bigint),
                ArrayParameters.Of(sorted.Select(t => t.ReadFrom).ToArray(), NpgsqlDbType.Bigint),
                ArrayParameters.Of(sorted.Select(t => t.Changes.NextOffset).ToArray(), NpgsqlDbType.Bigint),
                ArrayParameters.Of(sorted.Select(t => Microseconds(t.Changes.StreamTime)).ToArray(), NpgsqlDbType.TimestampTz),
                new NpgsqlParameter<string> { TypedValue = node },
            },
        };
    }

    /// <summary>Asks where the partitions stand, and waits for transactions that have not ended.</summary>
    public static NpgsqlBatchCommand ReadBack(Sql sql, IReadOnlyList<TaskCommit> sorted)
    {
        var partitions = sorted.Select(t => t.Changes.Partition).ToArray();
        return new NpgsqlBatchCommand(sql.ReadBack) { Parameters = { ArrayParameters.Topics(partitions), ArrayParameters.Numbers(partitions) } };
    }

    /// <summary>The failure to throw if some partitions did not move; <c>null</c> if all did.</summary>
    public static async Task<FencedException?> CheckAsync(NpgsqlDataReader reader, IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation)
    {
        var moved = new HashSet<TopicPartition>();
        while (await reader.ReadAsync(cancellation))
        {
            moved.Add(PartitionOf(reader));
        }

        return moved.Count == tasks.Count
            ? null
            : new FencedException([.. tasks.Select(t => t.Changes.Partition).Where(p => !moved.Contains(p))]);
    }

    /// <summary>What <see cref="ReadBack"/> answered, judged.</summary>
    /// <exception cref="FencedException">Some partitions are another's; ask again with the rest.</exception>
    public static async Task<bool> JudgeAsync(NpgsqlDataReader reader, IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation)
    {
        var rows = new Dictionary<TopicPartition, (long Epoch, long? NextOffset)>();
        while (await reader.ReadAsync(cancellation))
        {
            rows.Add(PartitionOf(reader), (reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetInt64(3)));
        }

        return Judge(rows, tasks);
    }

    /// <summary>
    /// Whether a transaction took place, from the rows as they stand now that it has ended. Its rows moved together or not at
    /// all, so one row that can tell is enough; but a row tells only while it is ours:
    /// <list type="bullet">
    /// <item>our epoch and the offset that was to be written: it took place;</item>
    /// <item>our epoch and the offset that stood before: it did not;</item>
    /// <item>another epoch, no row, or an offset that nobody of ours wrote: the partition is another's now. What its offset
    /// says is of no use, since the new owner may have moved it on from either. The task has nothing left to do but let go.</item>
    /// </list>
    /// </summary>
    /// <exception cref="FencedException">Some partitions are another's; ask again with the rest.</exception>
    public static bool Judge(IReadOnlyDictionary<TopicPartition, (long Epoch, long? NextOffset)> rows, IReadOnlyList<TaskCommit> tasks)
    {
        var lost = tasks.Where(t => !rows.TryGetValue(t.Changes.Partition, out var row) || !IsOurs(t, row.Epoch, row.NextOffset)).ToList();
        if (lost.Count > 0)
        {
            throw new FencedException([.. lost.Select(t => t.Changes.Partition)]);
        }

        // A task that did not move its offset cannot tell, and loses nothing either way.
        return tasks.All(t => rows[t.Changes.Partition].NextOffset == t.Changes.NextOffset);
    }

    /// <summary>
    /// Whether the offsets alone tell that a transaction took place. Where none moved, all it did was to replay dead letters, and
    /// whether these requests are still open tells it.
    /// </summary>
    public static bool OffsetsTell(IReadOnlyList<TaskCommit> tasks) => tasks.Any(t => t.Changes.NextOffset != t.ReadFrom);

    public static TopicPartition PartitionOf(NpgsqlDataReader reader) => new(reader.GetString(0), reader.GetInt32(1));

    private static bool IsOurs(TaskCommit task, long epoch, long? nextOffset) =>
        epoch == task.Epoch && (nextOffset == task.Changes.NextOffset || nextOffset == task.ReadFrom);

    private static long? Microseconds(DateTime? time) => time is { } t ? Timestamps.ToMicroseconds(t) : null;
}
