using System.Text;

namespace Streams.Processors;

/// <summary>A dead letter on its way through the topology once more, as a batch of one record.</summary>
/// <param name="partition">The partition it came from.</param>
/// <param name="offset">Its offset there.</param>
/// <param name="number">The number of the request: those of a partition are done in this order.</param>
internal sealed class ReplayRecord(TopicPartition partition, long offset, long number) : RecordBatch
{
    public long Number { get; } = number;

    public override TopicPartition Partition { get; } = partition;

    public byte[]? RawKey { get; init; }

    public byte[]? RawValue { get; init; }

    /// <summary>Kafka's timestamp in milliseconds since 1970, if it had one.</summary>
    public long? KafkaTimeMs { get; init; }

    public IReadOnlyList<KeyValuePair<string, byte[]?>> Headers { get; init; } = [];

    /// <summary>Stream time of the partition as the record found it when it failed.</summary>
    public DateTime? StreamTime { get; init; }

    public override int Count => 1;

    public override long SizeBytes => 64 + (RawKey?.Length ?? 0) + (RawValue?.Length ?? 0) + Headers.Sum(h => h.Key.Length + (h.Value?.Length ?? 0L));

    public override long Offset(int index) => offset;

    public override long? TimestampMs(int index) => KafkaTimeMs;

    public override bool HasKey(int index) => RawKey is not null;

    public override bool HasValue(int index) => RawValue is not null;

    public override ReadOnlySpan<byte> Key(int index) => RawKey;

    public override ReadOnlySpan<byte> Value(int index) => RawValue;

    public override void CopyHeaders(int index, HeaderList headers)
    {
        foreach (var (name, value) in Headers)
        {
            headers.Add(Encoding.UTF8.GetBytes(name), value, value is not null);
        }
    }

    public override void Dispose() { }
}

/// <summary>How a replay went.</summary>
/// <param name="Offset">The record's offset.</param>
/// <param name="Number">The number of the request.</param>
/// <param name="Failure">Why it failed again; <c>null</c> if it went through.</param>
internal sealed record Replay(long Offset, long Number, DeadLetter? Failure);
