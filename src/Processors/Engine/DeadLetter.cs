namespace Streams.Processors;

/// <summary>A record that could not be processed: where it is, why, and its raw bytes.</summary>
/// <param name="Partition">The partition it came from.</param>
/// <param name="Offset">Its offset there.</param>
/// <param name="TimestampMs">Kafka's timestamp in milliseconds since 1970, if it has one.</param>
/// <param name="Node">The node of the topology that refused it.</param>
/// <param name="Reason">Why, in one sentence; at most 1,000 characters.</param>
/// <param name="Error">The exception with the first frames of its stack, where the reason alone does not explain itself; at most 4,000 characters.</param>
/// <param name="Key">The raw key.</param>
/// <param name="Value">The raw value.</param>
public sealed record DeadLetter(
    TopicPartition Partition, long Offset, long? TimestampMs, string Node, string Reason, string? Error, byte[]? Key, byte[]? Value)
{
    /// <summary>Its headers in order.</summary>
    public IReadOnlyList<KeyValuePair<string, byte[]?>> Headers { get; init; } = [];

    /// <summary>Stream time of the partition as the record found it; <c>null</c> if it was the first. A replay is judged by it.</summary>
    public DateTime? StreamTime { get; init; }

    /// <summary>What it takes, roughly, in memory and in a statement.</summary>
    internal long SizeBytes => 256 + (Key?.Length ?? 0L) + (Value?.Length ?? 0L) + Headers.Sum(h => h.Value?.Length ?? 0L)
        + (sizeof(char) * (Reason.Length + (Error?.Length ?? 0L)));
}

/// <summary>A record is refused for what it is (too large, out of range), rather than for a fault in code. The message is the reason.</summary>
internal sealed class RecordRejectedException(string message) : Exception(message);

/// <summary>A record failed and the error policy is to stop.</summary>
internal sealed class RecordFailedException(TopicPartition partition, long offset, string node, Exception inner)
    : Exception($"The record {partition}@{offset} failed at {node}: {inner.Message} Streams:OnError is Stop, so the node stops here; mend the record's cause, or set Streams:OnError to DeadLetter or Skip.", inner);
