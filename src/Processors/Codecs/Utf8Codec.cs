using System.Buffers;
using System.Text;

namespace Streams.Processors;

/// <summary><see cref="Codecs.Utf8"/>.</summary>
internal sealed class Utf8Codec : ICodec<string>
{
    /// <summary>Refuses what it cannot convert, in both directions, instead of putting U+FFFD in its place.</summary>
    public static readonly UTF8Encoding Strict = new(encoderShouldEmitUTF8Identifier: false, throwOnInvalidBytes: true);

    public string Name => "utf8";

    public string Decode(ReadOnlySpan<byte> bytes)
    {
        try
        {
            return Strict.GetString(bytes);
        }
        catch (DecoderFallbackException e)
        {
            throw new CodecException($"The text is not valid UTF-8 at byte {e.Index}.", e);
        }
    }

    public void Encode(string value, IBufferWriter<byte> output)
    {
        try
        {
            Strict.GetBytes(value, output);
        }
        catch (EncoderFallbackException e)
        {
            throw new CodecException($"The text holds half a surrogate pair at character {e.Index}.", e);
        }
    }
}
