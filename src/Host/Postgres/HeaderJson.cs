using System.Buffers;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>
/// A record's headers as JSON, in order: <c>[{"name": "trace", "text": "abc"}, {"name": "id", "base64": "AAE="}]</c>. A value
/// that is text is kept as such, for people who look; read back, each has the bytes that it had.
/// </summary>
internal static class HeaderJson
{
    private const string Name = "name";
    private const string Text = "text";
    private const string Base64 = "base64";

    /// <returns><c>null</c> where there are none.</returns>
    public static byte[]? Write(IReadOnlyList<KeyValuePair<string, byte[]?>> headers)
    {
        if (headers.Count == 0)
        {
            return null;
        }

        var json = new ArrayBufferWriter<byte>();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartArray();
            foreach (var (name, value) in headers)
            {
                writer.WriteStartObject();
                writer.WriteString(Name, PostgresText.Clean(name));
                if (value is null)
                {
                    writer.WriteNull(Text);
                }
                else if (Utf8.IsValid(value) && !value.AsSpan().Contains((byte)0))
                {
                    writer.WriteString(Text, value);
                }
                else
                {
                    writer.WriteBase64String(Base64, value);
                }

                writer.WriteEndObject();
            }

            writer.WriteEndArray();
        }

        return json.WrittenSpan.ToArray();
    }

    public static IReadOnlyList<KeyValuePair<string, byte[]?>> Read(string? json)
    {
        if (json is null)
        {
            return [];
        }

        using var document = JsonDocument.Parse(json);
        return [.. document.RootElement.EnumerateArray().Select(header => KeyValuePair.Create(header.GetProperty(Name).GetString()!, Value(header)))];
    }

    private static byte[]? Value(JsonElement header) =>
        header.TryGetProperty(Base64, out var bytes) ? bytes.GetBytesFromBase64()
        : header.GetProperty(Text).GetString() is { } text ? Encoding.UTF8.GetBytes(text)
        : null;
}
