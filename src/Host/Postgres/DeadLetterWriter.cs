using Npgsql;
using NpgsqlTypes;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>Writes dead letters, several statements of a bounded size. One that is there already stays as it is.</summary>
internal static class DeadLetterWriter
{
    /// <summary>A statement's letters take about this much: raw records can be large, and an array must stay far below 1 GB.</summary>
    private const long StatementBytes = 8L * 1024 * 1024;

    private const int StatementLetters = 10_000;

    public static IEnumerable<NpgsqlBatchCommand> Commands(Sql sql, IEnumerable<DeadLetter> letters)
    {
        var chunk = new List<DeadLetter>();
        long bytes = 0;
        foreach (var letter in letters)
        {
            chunk.Add(letter);
            bytes += letter.SizeBytes;
            if (bytes >= StatementBytes || chunk.Count == StatementLetters)
            {
                yield return Command(sql, chunk);
                chunk.Clear();
                bytes = 0;
            }
        }

        if (chunk.Count > 0)
        {
            yield return Command(sql, chunk);
        }
    }

    private static NpgsqlBatchCommand Command(Sql sql, List<DeadLetter> letters) => new(sql.InsertDeadLetters)
    {
        Parameters =
        {
            Array(letters, NpgsqlDbType.Text, l => l.Partition.Topic),
            Array(letters, NpgsqlDbType.Integer, l => l.Partition.Partition),
            Array(letters, NpgsqlDbType.Bigint, l => l.Offset),
            Array(letters, NpgsqlDbType.TimestampTz, l => Timestamps.ToMicroseconds(l.TimestampMs)),
            Array(letters, NpgsqlDbType.Text, l => PostgresText.Clean(l.Node)),
            Array(letters, NpgsqlDbType.Text, l => PostgresText.Clean(l.Reason)),
            Array(letters, NpgsqlDbType.Text, l => l.Error is { } error ? PostgresText.Clean(error) : null),
            Array(letters, NpgsqlDbType.Bytea, l => l.Key),
            Array(letters, NpgsqlDbType.Bytea, l => l.Value),
            Array(letters, NpgsqlDbType.Jsonb, l => HeaderJson.Write(l.Headers)),
            Array(letters, NpgsqlDbType.TimestampTz, l => l.StreamTime is { } time ? Timestamps.ToMicroseconds(time) : (long?)null),
        },
    };

    private static NpgsqlParameter Array<T>(List<DeadLetter> letters, NpgsqlDbType type, Func<DeadLetter, T> select) =>
        ArrayParameters.Of(letters.Select(select).ToArray(), type);
}
