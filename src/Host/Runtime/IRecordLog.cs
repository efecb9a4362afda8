using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>The log as a node reaches it. Kafka in production; a fake one in simulation.</summary>
internal interface IRecordLog
{
    /// <summary>The reading side.</summary>
    /// <param name="owner">Hears which partitions come and go.</param>
    /// <param name="onFailure">Hears of failures of the client as a whole.</param>
    IRecordReader CreateReader(IPartitionOwner owner, Action<Kafka.KafkaFailure> onFailure);

    /// <summary>The writing side.</summary>
    /// <param name="reader">The reading side, whose place in the group a transaction needs.</param>
    /// <param name="onFailure">Hears of failures of the client as a whole.</param>
    IRecordWriter CreateWriter(IRecordReader reader, Action<Kafka.KafkaFailure> onFailure);

    /// <summary>Looks whether the log can be reached, and the input topics are there.</summary>
    /// <returns>An input topic that is not there; <c>null</c> when all are.</returns>
    Task<string?> FindMissingTopicAsync(CancellationToken cancellation);

    /// <summary>The first offset that a partition still has, and the one after its last.</summary>
    /// <exception cref="Kafka.KafkaFailureException">The log does not answer, or has no such partition.</exception>
    Task<(long First, long End)> RangeAsync(TopicPartition partition, CancellationToken cancellation);
}

/// <summary>
/// The reading side of the log: a member of a consumer group. One thread calls it, but for <see cref="Wake"/>,
/// <see cref="CommitOffsets"/>, <see cref="EndOffset"/> and <see cref="Committed"/>, which any may.
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

    /// <summary>
    /// Reads a partition from another offset on, <c>null</c> for the beginning: the next poll brings nothing from elsewhere. Also
    /// where reading had stopped because an offset was not in the log.
    /// </summary>
    void Rewind(TopicPartition partition, long? offset);

    /// <summary>
    /// Commits offsets to the group, for lag tools and autoscalers: nothing rests on it, and nothing waits for it. Not beside a
    /// writer with transactions, whose offsets it could overwrite with older ones.
    /// </summary>
    void CommitOffsets(IReadOnlyCollection<(TopicPartition Partition, long NextOffset)> offsets);

    /// <summary>The end of the partition as last heard from the broker; <c>null</c> if not heard yet.</summary>
    long? EndOffset(TopicPartition partition);

    /// <summary>How far the group is, once no transaction that could change that is open. Partitions of which nothing was ever committed are left out.</summary>
    IReadOnlyList<LogPosition> Committed(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout);

    /// <summary>Leaves the group.</summary>
    void Close();
}

/// <summary>The writing side of the log. One cycle at a time uses it.</summary>
internal interface IRecordWriter : IDisposable
{
    /// <summary>Whether a cycle's records, with the offsets they come from, are one transaction in the log.</summary>
    bool IsTransactional { get; }

    /// <summary>Connects, and settles what an earlier process of this node left open. Once, before the node takes part in the group.</summary>
    /// <exception cref="Kafka.KafkaFailureException">It did not work; try again.</exception>
    Task PrepareAsync(CancellationToken cancellation);

    /// <summary>
    /// A cycle, or another try of one, begins. What it says of the node's place in the group holds for the whole cycle: were
    /// the group to move on before its end, the log's transaction is refused.
    /// </summary>
    /// <exception cref="Kafka.KafkaFailureException">The node has no place in the group at the moment, or its producer cannot begin.</exception>
    Task BeginAsync(CancellationToken cancellation);

    /// <summary>Queues records for sending, as part of the present cycle. May wait for room in the queue.</summary>
    /// <exception cref="Kafka.KafkaFailureException">The log refuses them.</exception>
    void Send(OutputBuffer records, CancellationToken cancellation);

    /// <summary>
    /// Does what can be done ahead of the end: gives what was sent so far time to arrive. What has not arrived shows in
    /// <see cref="CompleteAsync"/> at the latest.
    /// </summary>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="Kafka.KafkaFailureException">It shows already.</exception>
    Task SettleAsync(CancellationToken cancellation);

    /// <summary>Waits until all that was sent so far has its place in the log, which a transaction may still take back.</summary>
    /// <exception cref="Kafka.KafkaFailureException">It has none.</exception>
    Task ArriveAsync(CancellationToken cancellation);

    /// <summary>Waits until everything sent in this cycle is in the log for good: acknowledged, or its transaction committed.</summary>
    /// <param name="inputs">How far the cycle read: part of the transaction, if there is one.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="Kafka.KafkaFailureException">It is not, and will not be.</exception>
    /// <exception cref="LogOutcomeUnknownException">The transaction may or may not have been committed: ask <see cref="IsCompleteAsync"/>.</exception>
    Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation);

    /// <summary>Takes back what was sent in this cycle, where the log can do that. Never throws; cancelled, it leaves that to the next producer.</summary>
    Task AbandonAsync(CancellationToken cancellation);

    /// <summary>Whether the transaction with these offsets was committed.</summary>
    Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation);
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
