using Npgsql;
using NpgsqlTypes;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>The statements on dead letters that are to be, or were, run once more.</summary>
internal static class ReplayStatements
{
    /// <summary>What one look brings at most, to bound memory; the rest comes with the next ones.</summary>
    private const int LookRows = 5_000;

    private const long LookBytes = 8L * 1024 * 1024;
    private const int StatementReplays = 10_000;

    /// <summary>Looks for open requests.</summary>
    public static NpgsqlBatchCommand Find(Sql sql, IReadOnlyCollection<(TopicPartition Partition, long After)> partitions) => new(sql.Replays)
    {
        Parameters =
        {
            ArrayParameters.Topics(partitions.Select(p => p.Partition)),
            ArrayParameters.Numbers(partitions.Select(p => p.Partition)),
            ArrayParameters.Of(partitions.Select(p => p.After).ToArray(), NpgsqlDbType.Bigint),
            new NpgsqlParameter<int> { TypedValue = LookRows },
            new NpgsqlParameter<long> { TypedValue = LookBytes },
        },
    };

    public static async Task<IReadOnlyList<ReplayRecord>> ReadAsync(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        var records = new List<ReplayRecord>();
        while (await reader.ReadAsync(cancellation))
        {
            records.Add(new ReplayRecord(Fence.PartitionOf(reader), reader.GetInt64(2), reader.GetInt64(3))
            {
                KafkaTimeMs = reader.IsDBNull(4) ? null : (reader.GetDateTime(4) - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond,
                RawKey = reader.IsDBNull(5) ? null : reader.GetFieldValue<byte[]>(5),
                RawValue = reader.IsDBNull(6) ? null : reader.GetFieldValue<byte[]>(6),
                Headers = HeaderJson.Read(reader.IsDBNull(7) ? null : reader.GetString(7)),
                StreamTime = reader.IsDBNull(8) ? null : reader.GetDateTime(8),
            });
        }

        return records;
    }

    /// <summary>Notes how the cycle's replays went.</summary>
    public static IEnumerable<NpgsqlBatchCommand> Mark(Sql sql, IEnumerable<TaskCommit> tasks) =>
        Of(tasks).Chunk(StatementReplays).Select(replays => new NpgsqlBatchCommand(sql.MarkReplays)
        {
            Parameters =
            {
                ArrayParameters.Topics(replays.Select(r => r.Partition)),
                ArrayParameters.Numbers(replays.Select(r => r.Partition)),
                Offsets(replays),
                ArrayParameters.Of(replays.Select(r => Clean(r.Replay.Failure?.Node)).ToArray(), NpgsqlDbType.Text),
                ArrayParameters.Of(replays.Select(r => Clean(r.Replay.Failure?.Reason)).ToArray(), NpgsqlDbType.Text),
                ArrayParameters.Of(replays.Select(r => Clean(r.Replay.Failure?.Error)).ToArray(), NpgsqlDbType.Text),
            },
        });

    /// <summary>Asks which of the cycle's replays are still open.</summary>
    public static NpgsqlBatchCommand Open(Sql sql, IEnumerable<TaskCommit> tasks)
    {
        var replays = Of(tasks).ToArray();
        return new(sql.OpenReplays)
        {
            Parameters =
            {
                ArrayParameters.Topics(replays.Select(r => r.Partition)),
                ArrayParameters.Numbers(replays.Select(r => r.Partition)),
                Offsets(replays),
                ArrayParameters.Of(replays.Select(r => r.Replay.Number).ToArray(), NpgsqlDbType.Bigint),
            },
        };
    }

    private static IEnumerable<(TopicPartition Partition, Replay Replay)> Of(IEnumerable<TaskCommit> tasks) =>
        tasks.SelectMany(t => t.Changes.Replays.Select(r => (t.Changes.Partition, r)));

    private static NpgsqlParameter Offsets((TopicPartition Partition, Replay Replay)[] replays) =>
        ArrayParameters.Of(replays.Select(r => r.Replay.Offset).ToArray(), NpgsqlDbType.Bigint);

    private static string? Clean(string? text) => text is null ? null : PostgresText.Clean(text);
}
