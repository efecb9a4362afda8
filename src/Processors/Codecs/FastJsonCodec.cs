using System.Buffers;
using System.Text.Json;
using System.Text.Json.Serialization.Metadata;

namespace Streams.Processors;

/// <summary><see cref="Codecs.FastJson{T}"/>.</summary>
internal sealed class FastJsonCodec<T>(JsonTypeInfo<T> type) : ICodec<T>
{
    private static readonly ArrayBufferWriter<byte> Nowhere = new(1);

    private readonly JsonWriterOptions _options = new() { Encoder = type.Options.Encoder, Indented = type.Options.WriteIndented };

    // A writer costs more to make than most values cost to write. Many tasks share a codec: who finds no spare makes one.
    private Utf8JsonWriter? _spare;

    public string Name => "json";

    public T Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return JsonSerializer.Deserialize(bytes, type) ?? throw new CodecException("The JSON is null.");
        }
        catch (Exception e) when (e is JsonException or NotSupportedException)
        {
            throw new CodecException(e.Message, e);
        }
    }

    public void Encode(T value, IBufferWriter<byte> output)
    {
        var writer = Interlocked.Exchange(ref _spare, null) ?? new Utf8JsonWriter(output, _options);
        try
        {
            writer.Reset(output);
            JsonSerializer.Serialize(writer, value, type);
            writer.Flush();
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException or NotSupportedException)
        {
            throw new CodecException(e.Message, e);
        }
        finally
        {
            // What a failed value left behind must not show up before the next one, nor keep this output alive.
            writer.Reset(Nowhere);
            _spare = writer;
        }
    }
}
