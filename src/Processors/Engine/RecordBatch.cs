namespace Streams.Processors;

/// <summary>A partition of a topic: what a task reads, owns and commits.</summary>
/// <param name="Topic">The topic's name.</param>
/// <param name="Partition">The partition's number.</param>
public readonly record struct TopicPartition(string Topic, int Partition) : IComparable<TopicPartition>
{
    /// <summary>By topic (ordinal), then partition: the order in which rows are locked.</summary>
    public int CompareTo(TopicPartition other)
    {
        var byTopic = string.CompareOrdinal(Topic, other.Topic);
        return byTopic != 0 ? byTopic : Partition.CompareTo(other.Partition);
    }

    /// <summary><c>topic-partition</c>, as Kafka's own tools write it.</summary>
    public override string ToString() => $"{Topic}-{Partition}";
}

/// <summary>
/// Consecutive records of one partition as they came from the log, undecoded, in offset order. The memory behind the
/// spans may be the client library's own: it is valid until <see cref="Dispose"/>, which the task calls once the batch
/// is through.
/// </summary>
internal abstract class RecordBatch : IDisposable
{
    /// <summary>The partition that every record comes from.</summary>
    public abstract TopicPartition Partition { get; }

    /// <summary>How many records.</summary>
    public abstract int Count { get; }

    /// <summary>What the batch holds in memory, roughly: keys and values. Bounds the mailboxes.</summary>
    public abstract long SizeBytes { get; }

    public abstract long Offset(int index);

    /// <summary>Kafka's timestamp in milliseconds since 1970, or <c>null</c> when the record has none.</summary>
    public abstract long? TimestampMs(int index);

    public abstract bool HasKey(int index);

    public abstract bool HasValue(int index);

    /// <summary>The key's bytes; empty when there is none.</summary>
    public abstract ReadOnlySpan<byte> Key(int index);

    /// <summary>The value's bytes; empty when there is none.</summary>
    public abstract ReadOnlySpan<byte> Value(int index);

    /// <summary>The record's headers in order, copied to <paramref name="headers"/> (which is not cleared first).</summary>
    public abstract void CopyHeaders(int index, HeaderList headers);

    /// <summary>
    /// The offset after the last one the log handed over with this batch. Larger than the last record's offset + 1 where
    /// control records or compacted ones were passed over.
    /// </summary>
    public virtual long NextOffset => Count == 0 ? 0 : Offset(Count - 1) + 1;

    public abstract void Dispose();
}
