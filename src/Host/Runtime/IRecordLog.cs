using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// The reading side of the log: a member of a consumer group. One thread calls it, but for <see cref="Wake"/>,
/// <see cref="CommitOffsets"/> and <see cref="EndOffset"/>, which any may.
/// </summary>
internal interface IRecordReader : IDisposable
{
    void Subscribe(IReadOnlyList<string> topics);

    /// <summary>Waits for records, and runs rebalance callbacks on the calling thread. Adds one batch per partition that has any.</summary>
    void Poll(TimeSpan timeout, List<RecordBatch> into);

    /// <summary>Ends a wait in <see cref="Poll"/> early.</summary>
    void Wake();

    void Pause(IReadOnlyCollection<TopicPartition> partitions);

    void Resume(IReadOnlyCollection<TopicPartition> partitions);

    /// <summary>Commits offsets to the group, for lag tools and autoscalers: nothing rests on it, and nothing waits for it.</summary>
    void CommitOffsets(IReadOnlyCollection<(TopicPartition Partition, long NextOffset)> offsets);

    /// <summary>The end of the partition as last heard from the broker; <c>null</c> if not heard yet.</summary>
    long? EndOffset(TopicPartition partition);

    /// <summary>Leaves the group.</summary>
    void Close();
}

/// <summary>The writing side of the log.</summary>
internal interface IRecordWriter : IDisposable
{
    /// <summary>Queues records for sending. May wait for room in the queue.</summary>
    void Send(OutputBuffer records, CancellationToken cancellation);

    /// <summary>Waits until all records queued are acknowledged by the log.</summary>
    /// <exception cref="Kafka.KafkaFailureException">Some could not be delivered.</exception>
    Task FlushAsync(CancellationToken cancellation);
}

/// <summary>What the reader tells about partitions, on the polling thread, during a rebalance.</summary>
internal interface IPartitionOwner
{
    /// <summary>Partitions are this node's from now on.</summary>
    /// <returns>Where to read each from; <c>null</c> for the beginning.</returns>
    IReadOnlyList<(TopicPartition Partition, long? From)> Assigned(IReadOnlyList<TopicPartition> partitions);

    /// <summary>Partitions are to be given up: the last chance to commit what was done.</summary>
    void Revoked(IReadOnlyList<TopicPartition> partitions);

    /// <summary>Partitions are gone already.</summary>
    void Lost(IReadOnlyList<TopicPartition> partitions);
}
