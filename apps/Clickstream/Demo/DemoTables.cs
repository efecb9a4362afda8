using Npgsql;
using Streams;

namespace Clickstream;

/// <summary>What the tables hold.</summary>
/// <param name="Committed">Clicks up to the committed offsets.</param>
/// <param name="ErrorRows">Rows of the table of errors.</param>
/// <param name="CountRows">Rows of the table of counts.</param>
/// <param name="Counted">The sum over these counts.</param>
/// <param name="DeadLetters">Rows of the table of dead letters.</param>
internal sealed record TableCounts(long Committed, long ErrorRows, long CountRows, long Counted, long DeadLetters);

/// <summary>A path with its errors.</summary>
internal sealed record TopPath(string Path, int Status, long Count);

/// <summary>Reads the tables that the pipeline writes, with plain SQL, as anybody could.</summary>
/// <param name="source">Connections to the database.</param>
/// <param name="application">The application's id, which names its schema.</param>
/// <param name="topology">Names the tables.</param>
/// <param name="names">Names the input topic.</param>
internal sealed class DemoTables(NpgsqlDataSource source, string application, Topology topology, ClickstreamNames names)
{
    private readonly string _errors = Name(topology, application, names.ErrorsTable);
    private readonly string _counts = Name(topology, application, names.CountsTable);
    private readonly string _partitions = $"{Quoted(application)}.partitions";
    private readonly string _deadLetters = $"{Quoted(application)}.dead_letters";

    /// <summary>The table of counts, as one would write it in SQL.</summary>
    public string CountsTable => _counts;

    /// <summary>Counts everything, as of one moment.</summary>
    public async Task<TableCounts> CountAsync(CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(
            $"""
            SELECT (SELECT coalesce(sum(next_offset), 0)::bigint FROM {_partitions} WHERE topic = $1),
                (SELECT count(*) FROM {_errors}),
                (SELECT count(*) FROM {_counts}), (SELECT coalesce(sum(n), 0)::bigint FROM {_counts}),
                (SELECT count(*) FROM {_deadLetters})
            """);
        command.Parameters.AddWithValue(names.Clicks);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        return new(reader.GetInt64(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3), reader.GetInt64(4));
    }

    /// <summary>The paths and statuses with most errors in the minutes since <paramref name="since"/>.</summary>
    public async Task<IReadOnlyList<TopPath>> TopAsync(DateTimeOffset since, int limit, CancellationToken cancellation)
    {
        await using var command = source.CreateCommand(
            $"SELECT path, status, sum(n)::bigint FROM {_counts} WHERE window_start >= $1 GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT $2");
        command.Parameters.AddWithValue(since.UtcDateTime);
        command.Parameters.AddWithValue(limit);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var top = new List<TopPath>();
        while (await reader.ReadAsync(cancellation))
        {
            top.Add(new(reader.GetString(0), reader.GetInt32(1), reader.GetInt64(2)));
        }

        return top;
    }

    /// <summary>How many of the dead letters would have been errors.</summary>
    public async Task<long> DeadErrorsAsync(CancellationToken cancellation)
    {
        await using var command = source.CreateCommand($"SELECT value FROM {_deadLetters} WHERE value IS NOT NULL");
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var errors = 0L;
        while (await reader.ReadAsync(cancellation))
        {
            errors += DemoTraffic.IsError(reader.GetFieldValue<byte[]>(0)) ? 1 : 0;
        }

        return errors;
    }

    private static string Name(Topology topology, string application, string table) =>
        $"{Quoted(topology.Tables.First(t => t.Name == table).Schema ?? application)}.{Quoted(table)}";

    /// <summary>Quoted where it must be: these names are also shown.</summary>
    private static string Quoted(string name) =>
        name.All(c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c == '_') && !char.IsAsciiDigit(name[0])
            ? name
            : $"\"{name.Replace("\"", "\"\"", StringComparison.Ordinal)}\"";
}
