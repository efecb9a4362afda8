using System.Buffers;
using System.Buffers.Text;

namespace Streams.Processors;

/// <summary><see cref="Codecs.Guid"/>.</summary>
internal sealed class GuidCodec : ICodec<Guid>
{
    private const int TextLength = 36;

    public string Name => "guid";

    public Guid Decode(ReadOnlySpan<byte> bytes) =>
        Utf8Parser.TryParse(bytes, out Guid value, out var consumed, 'D') && consumed == bytes.Length
            ? value
            : throw new CodecException("The text is not a UUID of the form 00000000-0000-0000-0000-000000000000.");

    public void Encode(Guid value, IBufferWriter<byte> output)
    {
        Utf8Formatter.TryFormat(value, output.GetSpan(TextLength), out var written, 'D');
        output.Advance(written);
    }
}
