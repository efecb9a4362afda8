using System.Buffers;

namespace Streams.Processors;

/// <summary><see cref="Codecs.Bytes"/>.</summary>
internal sealed class BytesCodec : ICodec<byte[]>
{
    public string Name => "bytes";

    public byte[] Decode(ReadOnlySpan<byte> bytes) => bytes.ToArray();

    public void Encode(byte[] value, IBufferWriter<byte> output) => output.Write(value);
}
