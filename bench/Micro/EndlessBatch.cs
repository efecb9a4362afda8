using System.Buffers.Binary;
using Streams.Processors;

namespace Streams.Bench.Micro;

/// <summary>The same thousand records again and again, each time at the next offsets.</summary>
/// <param name="values">The records' values.</param>
internal sealed class EndlessBatch(byte[][] values) : RecordBatch
{
    private const long StartMs = 1_767_225_600_000;

    private readonly byte[][] _keys = [.. values.Select((_, i) => Number(i))];
    private readonly long _size = values.Sum(value => value.Length + 8L);
    private long _first;

    public override TopicPartition Partition { get; } = new("in", 0);

    public override int Count => values.Length;

    public override long SizeBytes => _size;

    /// <summary>A number as <see cref="Codecs.Int64"/> has it.</summary>
    public static byte[] Number(long value)
    {
        var bytes = new byte[8];
        BinaryPrimitives.WriteInt64BigEndian(bytes, value);
        return bytes;
    }

    /// <summary>Moves on by one batch.</summary>
    public void Advance() => _first += values.Length;

    public override long Offset(int index) => _first + index;

    public override long? TimestampMs(int index) => StartMs + index;

    public override bool HasKey(int index) => true;

    public override bool HasValue(int index) => true;

    public override ReadOnlySpan<byte> Key(int index) => _keys[index];

    public override ReadOnlySpan<byte> Value(int index) => values[index];

    public override void CopyHeaders(int index, HeaderList headers)
    {
    }

    public override void Dispose()
    {
    }
}
