using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>
/// Hears which partitions the consumer gets and loses. Called on the thread that polls (or closes) the consumer, and
/// nothing is read meanwhile: a handler that takes longer than <c>max.poll.interval.ms</c> loses its partitions.
/// </summary>
internal interface IRebalanceListener
{
    /// <summary>The consumer got these partitions in addition to what it has.</summary>
    /// <returns>Where to start reading, for each of <paramref name="partitions"/> exactly once.</returns>
    IReadOnlyList<PartitionOffset> Assigned(IReadOnlyList<TopicPartition> partitions);

    /// <summary>The consumer is about to give these partitions back; until this returns, nobody else has them.</summary>
    void Revoked(IReadOnlyList<TopicPartition> partitions);

    /// <summary>The consumer has lost these partitions already; others may have them.</summary>
    void Lost(IReadOnlyList<TopicPartition> partitions);
}
