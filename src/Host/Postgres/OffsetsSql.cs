using Npgsql;
using Streams.Hosting.Offsets;

namespace Streams.Hosting.Postgres;

/// <summary>The statements of the commands on offsets.</summary>
internal sealed class OffsetsSql(string application)
{
    private readonly string _partitions = Sql.Name(application, SystemTables.Partitions);

    /// <summary>A row of the table of partitions.</summary>
    public sealed record Row(long Epoch, long? NextOffset, DateTime? StreamTime, string Node);

    public NpgsqlBatchCommand List() => new($"SELECT topic, partition, epoch, next_offset, stream_time, node FROM {_partitions}");

    public static Row Read(NpgsqlDataReader reader) => new(
        reader.GetInt64(2),
        reader.IsDBNull(3) ? null : reader.GetInt64(3),
        reader.IsDBNull(4) ? null : reader.GetDateTime(4),
        reader.GetString(5));

    /// <summary>
    /// Moves an offset if nobody has since the plan was made. The epoch fences off whoever works on the partition; the era says
    /// that positions in Kafka, which were made by the old numbering, do not hold for the new one.
    /// </summary>
    public NpgsqlBatchCommand Move(OffsetMove move) => new(
        $"""
        UPDATE {_partitions} SET next_offset = $3, epoch = epoch + 1, era = era + 1, updated_at = now()
        WHERE topic = $1 AND partition = $2 AND epoch = $4 AND next_offset IS NOT DISTINCT FROM $5
        RETURNING 1
        """)
    {
        Parameters =
        {
            new NpgsqlParameter<string> { TypedValue = move.From.Topic },
            new NpgsqlParameter<int> { TypedValue = move.From.Partition },
            new NpgsqlParameter<long> { TypedValue = move.NextOffset },
            new NpgsqlParameter<long> { TypedValue = move.From.Epoch!.Value },
            new NpgsqlParameter<long?> { TypedValue = move.From.NextOffset, NpgsqlDbType = NpgsqlTypes.NpgsqlDbType.Bigint },
        },
    };
}
