using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>A place in a partition.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Offset">The next offset to read, or <see cref="Beginning"/>.</param>
/// <param name="Metadata">What is kept beside a committed offset, if anything.</param>
internal readonly record struct PartitionOffset(TopicPartition Partition, long Offset, string? Metadata = null)
{
    /// <summary>The first record that the partition still has.</summary>
    public const long Beginning = -2;

    /// <summary><c>topic-partition@offset</c>.</summary>
    public override string ToString() => $"{Partition}@{(Offset == Beginning ? "beginning" : Offset)}";
}
