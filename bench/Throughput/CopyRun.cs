using Npgsql;
using Streams.Bench.Children;
using Streams.Bench.Measuring;

namespace Streams.Bench.Throughput;

/// <summary>
/// What COPY alone reaches: the rows that the filter has written go, as PostgreSQL's own binary format has them, into an
/// empty table of the same definition, over one connection, in one transaction.
/// </summary>
internal static class CopyRun
{
    private const int ChunkBytes = 256 * 1024;
    private const string Target = "copied";

    public static async Task<ChildResult> RunAsync(Job job)
    {
        var source = Quoted(job.Application, job.Names.ErrorsTable);
        var target = Quoted(job.Application, Target);
        await using var data = NpgsqlDataSource.Create(job.Postgres);
        await using var connection = await data.OpenConnectionAsync();
        await ExecuteAsync(connection, $"CREATE TABLE {target} (LIKE {source} INCLUDING ALL)");
        var rows = await ReadAsync(connection, source);

        var start = Usage.Now(0);
        await using (var copy = await connection.BeginRawBinaryCopyAsync($"COPY {target} FROM STDIN (FORMAT binary)"))
        {
            foreach (var chunk in rows)
            {
                await copy.WriteAsync(chunk);
            }
        }

        var end = Usage.Now(0);
        var count = (long)(await ScalarAsync(connection, $"SELECT count(*) FROM {target}"))!;
        return ChildResult.Of(start, start, end with { Records = count });
    }

    private static async Task<List<byte[]>> ReadAsync(NpgsqlConnection connection, string table)
    {
        var chunks = new List<byte[]>();
        await using var rows = await connection.BeginRawBinaryCopyAsync($"COPY {table} TO STDOUT (FORMAT binary)");
        var buffer = new byte[ChunkBytes];
        for (int read; (read = await rows.ReadAsync(buffer, CancellationToken.None)) > 0;)
        {
            chunks.Add(buffer[..read]);
        }

        return chunks;
    }

    private static async Task ExecuteAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }

    private static async Task<object?> ScalarAsync(NpgsqlConnection connection, string sql)
    {
        await using var command = new NpgsqlCommand(sql, connection);
        return await command.ExecuteScalarAsync();
    }

    private static string Quoted(string schema, string table) => $"\"{schema}\".\"{table}\"";
}
