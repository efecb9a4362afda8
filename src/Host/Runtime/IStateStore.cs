using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>Where a task starts, and the epoch under which it may commit.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Epoch">The fence: raised by each takeover.</param>
/// <param name="NextOffset">The next offset to read; <c>null</c> if nothing was ever committed.</param>
/// <param name="StreamTime">Stream time as committed.</param>
/// <param name="Era">How often a person has moved the offset: positions in the log of other eras say nothing about this one.</param>
internal sealed record PartitionStart(TopicPartition Partition, long Epoch, long? NextOffset, DateTime? StreamTime, long Era = 0);

/// <summary>One task's part of a commit cycle.</summary>
/// <param name="Changes">What the task did.</param>
/// <param name="Epoch">The epoch it holds.</param>
/// <param name="ReadFrom">The next offset as last committed, which the row must still hold; <c>null</c> if nothing was.</param>
internal sealed record TaskCommit(ChangeSet Changes, long Epoch, long? ReadFrom)
{
    /// <summary>The partition's era, as <see cref="PartitionStart.Era"/> gave it.</summary>
    public long Era { get; init; }

    /// <summary>The last dead letter of the partition that was replayed, this cycle included.</summary>
    public long LastReplay { get; init; }

    /// <summary>Forwarded output of what is below this offset is in the log already, whoever sent it.</summary>
    public long SentUpTo { get; init; }

    /// <summary>
    /// What the log's transaction says of the task's input. It never goes back behind what is sent already: whoever took over
    /// next would send the rest of it a second time.
    /// </summary>
    public LogPosition Position => new(Changes.Partition, Math.Max(Changes.NextOffset, SentUpTo), Era, LastReplay);
}

/// <summary>
/// The one transactional store of offsets, state and results. PostgreSQL in production; a fake one in simulation.
/// </summary>
internal interface IStateStore : IAsyncDisposable
{
    /// <summary>Creates the application's schema and tables where missing, and checks those that exist.</summary>
    /// <exception cref="SchemaMismatchException">A table exists and differs; the message has the statements that would mend it.</exception>
    Task PrepareAsync(CancellationToken cancellation);

    /// <summary>Takes partitions over: raises their epochs, so that no earlier owner can commit, and says where to go on.</summary>
    Task<IReadOnlyList<PartitionStart>> AcquireAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation);

    /// <summary>The eras of partitions, as <see cref="PartitionStart.Era"/>; those without a row are left out.</summary>
    Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation);

    /// <summary>Reads the states of a partition's keys, as committed, and completes what asked for them.</summary>
    Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> loads, CancellationToken cancellation);

    /// <summary>Notes that this node is alive, for people who look; and shows whether the store can be reached while there is nothing to commit.</summary>
    Task HeartbeatAsync(CancellationToken cancellation);

    /// <summary>
    /// Opens a transaction, moves every task's offset under its fence, and writes all changes: rows appended and
    /// upserted, aggregates merged, dead letters kept. Nothing is visible to others until
    /// <see cref="ICommitTransaction.CommitAsync"/>.
    /// </summary>
    /// <param name="tasks">What to write, one part per task.</param>
    /// <param name="beforeMerge">
    /// Awaited once all else is written, and before rows that nodes share are merged: from there to the commit other nodes wait
    /// for their locks. Not called if there are none.
    /// </param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <exception cref="FencedException">Another node took some of the partitions; nothing was written.</exception>
    Task<ICommitTransaction> WriteAsync(
        IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation);

    /// <summary>
    /// Whether the transaction that moved these tasks' offsets took place: asked when the connection broke during COMMIT.
    /// </summary>
    /// <exception cref="FencedException">Another node took some of the partitions in between.</exception>
    Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation);

    /// <summary>
    /// Dead letters that somebody wants run once more: of these partitions the open requests with numbers above the given ones,
    /// each partition's in their order. Perhaps not all of them; ask again for the rest.
    /// </summary>
    Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(
        IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, CancellationToken cancellation);
}

/// <summary>A transaction that has written everything and waits for its commit. Disposing it without one rolls it back.</summary>
internal interface ICommitTransaction : IAsyncDisposable
{
    /// <summary>
    /// The new totals of the rows that changed, one buffer per aggregate that has a changelog topic, with all of its
    /// table's columns.
    /// </summary>
    IReadOnlyList<RowBuffer> Totals { get; }

    /// <summary>The keys of rows that stand no more, of aggregates of sessions that have a changelog topic.</summary>
    IReadOnlyList<RowBuffer> Gone { get; }

    /// <summary>Asks the store whether the transaction, and with it its locks, still stand.</summary>
    /// <exception cref="Exception">They do not, or it does not answer: nothing of the transaction will be.</exception>
    Task EnsureHeldAsync(CancellationToken cancellation);

    /// <exception cref="CommitOutcomeUnknownException">The connection broke on the way; ask <see cref="IStateStore.IsCommittedAsync"/>.</exception>
    Task CommitAsync(CancellationToken cancellation);
}
