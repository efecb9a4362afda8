using System.Buffers;
using System.Buffers.Binary;
using System.Globalization;

namespace Streams.Processors;

/// <summary><see cref="Codecs.Int32"/>.</summary>
internal sealed class Int32Codec : ICodec<int>
{
    public string Name => "int32";

    public int Decode(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt32BigEndian(FixedLength.Check(bytes, sizeof(int), Name));

    public void Encode(int value, IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteInt32BigEndian(output.GetSpan(sizeof(int)), value);
        output.Advance(sizeof(int));
    }
}

/// <summary><see cref="Codecs.Int64"/>.</summary>
internal sealed class Int64Codec : ICodec<long>
{
    public string Name => "int64";

    public long Decode(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadInt64BigEndian(FixedLength.Check(bytes, sizeof(long), Name));

    public void Encode(long value, IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteInt64BigEndian(output.GetSpan(sizeof(long)), value);
        output.Advance(sizeof(long));
    }
}

/// <summary><see cref="Codecs.Double"/>.</summary>
internal sealed class DoubleCodec : ICodec<double>
{
    public string Name => "double";

    public double Decode(ReadOnlySpan<byte> bytes) => BinaryPrimitives.ReadDoubleBigEndian(FixedLength.Check(bytes, sizeof(double), Name));

    public void Encode(double value, IBufferWriter<byte> output)
    {
        BinaryPrimitives.WriteDoubleBigEndian(output.GetSpan(sizeof(double)), value);
        output.Advance(sizeof(double));
    }
}

/// <summary>What the codecs of fixed length have in common.</summary>
internal static class FixedLength
{
    public static ReadOnlySpan<byte> Check(ReadOnlySpan<byte> bytes, int length, string codec) => bytes.Length == length
        ? bytes
        : throw new CodecException(string.Create(CultureInfo.InvariantCulture, $"{length} bytes make one {codec}; here are {bytes.Length}."));
}
