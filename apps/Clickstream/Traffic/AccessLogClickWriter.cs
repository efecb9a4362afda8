using System.Buffers;
using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;

namespace Clickstream;

/// <summary>
/// Writes lines of an access log as clicks in JSON. Absent fields are left out. In quoted fields <c>\"</c> and <c>\\</c>
/// lose their backslash; other escapes (<c>\xe4</c>) stay as the log has them, since the bytes that they stand for are in an unknown encoding.
/// Bytes that are not UTF-8, and NUL, become U+FFFD: neither JSON nor PostgreSQL could hold them. Not thread-safe.
/// </summary>
internal sealed class AccessLogClickWriter : IDisposable
{
    private readonly ArrayBufferWriter<byte> _output = new(1024);
    private readonly ArrayBufferWriter<byte> _scratch = new(1024);
    private readonly Utf8JsonWriter _json;

    public AccessLogClickWriter() =>
        _json = new Utf8JsonWriter(_output, new JsonWriterOptions { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true });

    /// <summary>The click that was written last. Valid until the next one.</summary>
    public ReadOnlySpan<byte> Written => _output.WrittenSpan;

    /// <summary>Writes the click of one line, in place of the one before.</summary>
    /// <param name="line">The line.</param>
    /// <param name="time">The click's event time, UTC; <see cref="AccessLogLine.Time"/>, or another to replay the line at.</param>
    public void Write(in AccessLogLine line, DateTime time)
    {
        _output.ResetWrittenCount();
        _json.Reset();
        _json.WriteStartObject();
        Span<byte> iso = stackalloc byte[24];
        _ = time.TryFormat(iso, out var length, "yyyy-MM-ddTHH:mm:ss.fffZ", CultureInfo.InvariantCulture);
        _json.WriteString("time"u8, iso[..length]);
        Text("ip"u8, line.ClientAddress);
        Text("method"u8, line.Method);
        _json.WriteString("path"u8, Clean(line.Path));
        Text("query"u8, line.Query);
        Text("protocol"u8, line.Protocol);
        _json.WriteNumber("status"u8, line.Status);
        if (line.Bytes is { } bytes)
        {
            _json.WriteNumber("bytes"u8, bytes);
        }

        Text("referrer"u8, line.Referrer);
        Text("agent"u8, line.Agent);
        _json.WriteEndObject();
        _json.Flush();
    }

    public void Dispose() => _json.Dispose();

    private void Text(ReadOnlySpan<byte> name, ReadOnlySpan<byte> value)
    {
        if (!value.IsEmpty)
        {
            _json.WriteString(name, Clean(value));
        }
    }

    private ReadOnlySpan<byte> Clean(ReadOnlySpan<byte> raw)
    {
        var text = raw.Contains((byte)'\\') ? Unescape(raw) : raw;
        return Utf8.IsValid(text) && !text.Contains((byte)0)
            ? text
            : Encoding.UTF8.GetBytes(Encoding.UTF8.GetString(text).Replace('\0', '\uFFFD'));
    }

    private ReadOnlySpan<byte> Unescape(ReadOnlySpan<byte> raw)
    {
        _scratch.ResetWrittenCount();
        var target = _scratch.GetSpan(raw.Length);
        var length = 0;
        for (var i = 0; i < raw.Length; i++)
        {
            if (raw[i] == '\\' && i + 1 < raw.Length && raw[i + 1] is (byte)'"' or (byte)'\\')
            {
                i++;
            }

            target[length++] = raw[i];
        }

        return target[..length];
    }
}
