using System.Buffers;
using System.Diagnostics.CodeAnalysis;
using System.Text;
using Newtonsoft.Json;

namespace Streams.Processors;

/// <summary><see cref="Codecs.Json{T}"/>.</summary>
[SuppressMessage("ApiDesign", "RS0030", Justification = "Newtonsoft.Json reads and writes through System.IO's text types; these two hold memory only.")]
internal sealed class JsonCodec<T> : ICodec<T>
{
    private readonly JsonSerializer _serializer;

    public JsonCodec(JsonSerializerSettings? settings)
    {
        _serializer = JsonSerializer.Create(settings ?? new JsonSerializerSettings
        {
            DateParseHandling = DateParseHandling.None,
            MetadataPropertyHandling = MetadataPropertyHandling.Ignore,
        });
        _serializer.CheckAdditionalContent = true;
    }

    public string Name => "json";

    public T Decode(ReadOnlySpan<byte> bytes)
    {
        var chars = ArrayPool<char>.Shared.Rent(Utf8Codec.Strict.GetMaxCharCount(bytes.Length));
        try
        {
            var count = Utf8Codec.Strict.GetChars(bytes, chars);
            using var reader = new JsonTextReader(new CharReader(chars, count)) { ArrayPool = JsonCharPool.Instance };
            return _serializer.Deserialize<T>(reader) ?? throw new CodecException(count == 0 ? "The JSON is empty." : "The JSON is null.");
        }
        catch (DecoderFallbackException e)
        {
            throw new CodecException($"The text is not valid UTF-8 at byte {e.Index}.", e);
        }
        catch (JsonException e)
        {
            throw new CodecException(e.Message, e);
        }
        finally
        {
            ArrayPool<char>.Shared.Return(chars);
        }
    }

    public void Encode(T value, IBufferWriter<byte> output)
    {
        try
        {
            using var writer = new JsonTextWriter(new Utf8Writer(output)) { ArrayPool = JsonCharPool.Instance, AutoCompleteOnClose = false };
            _serializer.Serialize(writer, value, typeof(T));
        }
        catch (EncoderFallbackException e)
        {
            throw new CodecException("The text holds half a surrogate pair.", e);
        }
        catch (JsonException e)
        {
            throw new CodecException(e.Message, e);
        }
    }

    /// <summary>Reads characters where they lie.</summary>
    private sealed class CharReader(char[] chars, int count) : TextReader
    {
        private int _position;

        public override int Peek() => _position < count ? chars[_position] : -1;

        public override int Read() => _position < count ? chars[_position++] : -1;

        public override int Read(char[] buffer, int index, int length)
        {
            var taken = Math.Min(length, count - _position);
            Array.Copy(chars, _position, buffer, index, taken);
            _position += taken;
            return taken;
        }
    }

    /// <summary>Encodes characters straight into the output.</summary>
    private sealed class Utf8Writer(IBufferWriter<byte> output) : TextWriter
    {
        // Has a memory: the two halves of a surrogate pair may come in two calls.
        private readonly Encoder _encoder = Utf8Codec.Strict.GetEncoder();

        public override Encoding Encoding => Utf8Codec.Strict;

        public override void Write(char value) => Write([value]);

        public override void Write(char[] buffer, int index, int count) => Write(buffer.AsSpan(index, count));

        public override void Write(string? value) => Write(value.AsSpan());

        public override void Write(ReadOnlySpan<char> buffer) => _encoder.Convert(buffer, output, flush: false, out _, out _);

        public override void Flush() => _encoder.Convert([], output, flush: true, out _, out _);
    }

    private sealed class JsonCharPool : IArrayPool<char>
    {
        public static readonly JsonCharPool Instance = new();

        public char[] Rent(int minimumLength) => ArrayPool<char>.Shared.Rent(minimumLength);

        public void Return(char[]? array)
        {
            if (array is not null)
            {
                ArrayPool<char>.Shared.Return(array);
            }
        }
    }
}
