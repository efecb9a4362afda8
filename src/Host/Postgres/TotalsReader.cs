using Npgsql;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>Reads the rows that a merge gives back into a row buffer, column by column, nothing boxed.</summary>
internal static class TotalsReader
{
    /// <param name="reader">At the answer of a merge.</param>
    /// <param name="to">Takes the rows that changed.</param>
    /// <param name="gone">Takes the keys of rows that stand no more, which the first column then says.</param>
    /// <param name="cancellation">Ends it.</param>
    public static async Task ReadAsync(NpgsqlDataReader reader, RowBuffer to, RowBuffer? gone, CancellationToken cancellation)
    {
        while (await reader.ReadAsync(cancellation))
        {
            if (gone is null)
            {
                Append(reader, 0, to);
            }
            else
            {
                Append(reader, 1, reader.GetBoolean(0) ? gone : to);
            }
        }
    }

    /// <summary>Keys come first, so those of a row that is gone are the first columns, too.</summary>
    private static void Append(NpgsqlDataReader reader, int first, RowBuffer to)
    {
        for (var i = 0; i < to.Columns.Count; i++)
        {
            Append(reader, first + i, to.Columns[i]);
        }
    }

    private static void Append(NpgsqlDataReader reader, int index, ColumnBuffer to)
    {
        if (reader.IsDBNull(index))
        {
            to.AppendNull();
            return;
        }

        switch (to)
        {
            case ColumnBuffer<string> column:
                column.Append(reader.GetString(index));
                break;
            case ColumnBuffer<short> column:
                column.Append(reader.GetInt16(index));
                break;
            case ColumnBuffer<int> column:
                column.Append(reader.GetInt32(index));
                break;
            case ColumnBuffer<long> column:
                column.Append(reader.GetInt64(index));
                break;
            case ColumnBuffer<double> column:
                column.Append(reader.GetDouble(index));
                break;
            case ColumnBuffer<decimal> column:
                column.Append(reader.GetDecimal(index));
                break;
            case ColumnBuffer<bool> column:
                column.Append(reader.GetBoolean(index));
                break;
            case ColumnBuffer<DateTime> column:
                column.Append(reader.GetDateTime(index));
                break;
            case ColumnBuffer<Guid> column:
                column.Append(reader.GetGuid(index));
                break;
            case BytesColumnBuffer column:
                column.Append(reader.GetFieldValue<byte[]>(index));
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(to), to.Column.Type, "unknown column type");
        }
    }
}
