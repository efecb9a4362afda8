using System.Globalization;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Streams.Processors;

/// <summary>
/// Writes rows as JSON objects: the records of a table's changelog. A member per column, in order; <c>timestamptz</c> as
/// <c>2026-01-01T00:00:00Z</c> with up to six decimals, <c>numeric</c> as a number, <c>bytea</c> in base 64, <c>jsonb</c> as it is,
/// and NaN and the infinities as strings, which is how PostgreSQL's own <c>to_json</c> writes them.
/// </summary>
internal sealed class RowJson : IDisposable
{
    private const int MaxTimestampLength = 32;

    private readonly Utf8JsonWriter _writer = new(new ByteBuffer(), new JsonWriterOptions
    {
        // The JSON goes into Kafka, not into HTML: quotes, control characters and what lies beyond U+FFFF are escaped, no more.
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        SkipValidation = true,
    });

    /// <summary>Appends an object of the row's key columns.</summary>
    public void WriteKey(RowBuffer rows, int row, ByteBuffer output) => Write(rows, row, output, static column => column.Merge == MergeRule.Key);

    /// <summary>Appends an object of a session's group: its key columns but for its start.</summary>
    public void WriteGroup(RowBuffer rows, int row, ByteBuffer output) =>
        Write(rows, row, output, static column => column.Merge == MergeRule.Key && column.Name != SessionWindows.StartColumn);

    /// <summary>Appends an object of all columns of the buffer.</summary>
    public void WriteValue(RowBuffer rows, int row, ByteBuffer output) => Write(rows, row, output, static _ => true);

    public void Dispose() => _writer.Dispose();

    private void Write(RowBuffer rows, int row, ByteBuffer output, Func<Column, bool> isPart)
    {
        _writer.Reset(output);
        _writer.WriteStartObject();
        for (var i = 0; i < rows.Columns.Count; i++)
        {
            var column = rows.Columns[i];
            if (isPart(column.Column))
            {
                _writer.WritePropertyName(column.JsonName);
                WriteValue(column, row);
            }
        }

        _writer.WriteEndObject();
        _writer.Flush();
    }

    private void WriteValue(ColumnBuffer column, int row)
    {
        if (column.IsNull(row))
        {
            _writer.WriteNullValue();
            return;
        }

        switch (column)
        {
            case ColumnBuffer<string> text:
                _writer.WriteStringValue(text[row]);
                break;
            case ColumnBuffer<long> number:
                _writer.WriteNumberValue(number[row]);
                break;
            case ColumnBuffer<int> number:
                _writer.WriteNumberValue(number[row]);
                break;
            case ColumnBuffer<DateTime> time:
                WriteTimestamp(time[row]);
                break;
            case ColumnBuffer<double> number:
                WriteDouble(number[row]);
                break;
            case ColumnBuffer<decimal> number:
                _writer.WriteNumberValue(number[row]);
                break;
            case ColumnBuffer<short> number:
                _writer.WriteNumberValue(number[row]);
                break;
            case ColumnBuffer<bool> flag:
                _writer.WriteBooleanValue(flag[row]);
                break;
            case ColumnBuffer<Guid> uuid:
                _writer.WriteStringValue(uuid[row]);
                break;
            case BytesColumnBuffer json when json.Column.Type == ColumnType.Json:
                _writer.WriteRawValue(json[row], skipInputValidation: true);
                break;
            case BytesColumnBuffer bytes:
                _writer.WriteBase64StringValue(bytes[row]);
                break;
            default:
                throw new InvalidOperationException($"The column {column.Column.Name} has a buffer of the unknown type {column.GetType()}.");
        }
    }

    private void WriteTimestamp(DateTime time)
    {
        Span<byte> text = stackalloc byte[MaxTimestampLength];
        time.TryFormat(text, out var length, "yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture);
        _writer.WriteStringValue(text[..length]);
    }

    private void WriteDouble(double number)
    {
        if (double.IsFinite(number))
        {
            _writer.WriteNumberValue(number);
        }
        else
        {
            _writer.WriteStringValue(double.IsNaN(number) ? "NaN"u8 : number > 0 ? "Infinity"u8 : "-Infinity"u8);
        }
    }
}
