using Npgsql;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>
/// Appends rows by binary COPY: all tasks' rows for one table in one command. Rows are encoded here, into pooled chunks, and
/// sent raw: no call and no allocation per value.
/// </summary>
internal static class RowCopier
{
    public static async Task CopyAsync(
        NpgsqlConnection connection, string statement, IReadOnlyList<RowBuffer> buffers, CancellationToken cancellation)
    {
        await using var stream = await connection.BeginRawBinaryCopyAsync(statement, cancellation);
        try
        {
            using var chunk = new CopyBuffer();
            chunk.WriteHeader();
            foreach (var rows in buffers)
            {
                var columns = rows.Columns.Select(CopyColumn.For).ToArray();
                var next = 0;
                while (next < rows.Count)
                {
                    next = Encode(columns, next, rows.Count, chunk);
                    if (chunk.IsFull)
                    {
                        await stream.WriteAsync(chunk.Written, cancellation);
                        chunk.Clear();
                    }
                }
            }

            chunk.WriteTrailer();
            await stream.WriteAsync(chunk.Written, cancellation);
        }
        catch
        {
            // Closing the stream in order would tell the server that all rows are there.
            await CancelAsync(stream);
            throw;
        }
    }

    /// <summary>Encodes rows until the chunk is full, and gives the next row to encode.</summary>
    private static int Encode(CopyColumn[] columns, int row, int count, CopyBuffer chunk)
    {
        while (row < count && !chunk.IsFull)
        {
            chunk.WriteInt16((short)columns.Length);
            foreach (var column in columns)
            {
                column.Write(row, chunk);
            }

            row++;
        }

        return row;
    }

    private static async Task CancelAsync(NpgsqlRawCopyStream stream)
    {
        try
        {
            await stream.CancelAsync();
        }
        catch (Exception)
        {
            // The first failure is the one to report; the transaction is rolled back either way.
        }
    }
}
