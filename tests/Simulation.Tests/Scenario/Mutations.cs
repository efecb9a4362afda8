using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Simulation.Tests.Scenario;

/// <summary>Wirings that leave out one of the things that exactly once rests on.</summary>
internal static class Mutations
{
    /// <summary>The store takes what a node writes to partitions that another node has taken over.</summary>
    public static readonly Wiring NoFence = new() { HasFence = false };

    /// <summary>Nodes do not ask how far the output of a partition is in the log already.</summary>
    public static readonly Wiring NoMute = new() { Log = log => new ForgetfulLog(log, _ => null) };

    /// <summary>Nodes do not ask which replays' output is in the log already.</summary>
    public static readonly Wiring NoReplayMute = new() { Log = log => new ForgetfulLog(log, position => position with { LastReplay = 0 }) };

    /// <summary>The store commits first, then the log.</summary>
    public static Wiring StoreFirst()
    {
        // A node is wired in one go: its store, then its log.
        var pending = new PendingLogCommits();
        return new Wiring
        {
            Store = store => new EarlyStore(store, pending = new PendingLogCommits()),
            Log = log => new LateLog(log, pending),
        };
    }

    /// <summary>A COMMIT whose outcome is not known counts as one or the other.</summary>
    public static Wiring UnknownIs(bool committed) => new() { Store = store => new GuessingStore(store, committed) };

    private class StoreDecorator(IStateStore inner) : IStateStore
    {
        public Task PrepareAsync(CancellationToken cancellation) => inner.PrepareAsync(cancellation);

        public Task<IReadOnlyList<PartitionStart>> AcquireAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) =>
            inner.AcquireAsync(partitions, cancellation);

        public Task HeartbeatAsync(CancellationToken cancellation) => inner.HeartbeatAsync(cancellation);

        public Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> loads, CancellationToken cancellation) =>
            inner.LoadAsync(partition, loads, cancellation);

        public Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) =>
            inner.ErasAsync(partitions, cancellation);

        public Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(
            IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, CancellationToken cancellation) =>
            inner.FindReplaysAsync(partitions, cancellation);

        public virtual Task<ICommitTransaction> WriteAsync(
            IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation) =>
            inner.WriteAsync(tasks, beforeMerge, cancellation);

        public virtual Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation) =>
            inner.IsCommittedAsync(tasks, cancellation);

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private sealed class GuessingStore(IStateStore inner, bool committed) : StoreDecorator(inner)
    {
        public override Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation) => Task.FromResult(committed);
    }

    /// <summary>A node's commit of the log that waits for the store's.</summary>
    private sealed class PendingLogCommits
    {
        public Func<Task>? Next { get; set; }
    }

    private sealed class EarlyStore(IStateStore inner, PendingLogCommits pending) : StoreDecorator(inner)
    {
        public override async Task<ICommitTransaction> WriteAsync(
            IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation) =>
            new EarlyTransaction(await base.WriteAsync(tasks, beforeMerge, cancellation), pending);
    }

    private sealed class EarlyTransaction(ICommitTransaction inner, PendingLogCommits pending) : ICommitTransaction
    {
        public IReadOnlyList<RowBuffer> Totals => inner.Totals;

        public IReadOnlyList<RowBuffer> Gone => inner.Gone;

        public Task EnsureHeldAsync(CancellationToken cancellation) => inner.EnsureHeldAsync(cancellation);

        public async Task CommitAsync(CancellationToken cancellation)
        {
            var logCommit = pending.Next!;
            await inner.CommitAsync(cancellation);
            await logCommit();
        }

        public ValueTask DisposeAsync() => inner.DisposeAsync();
    }

    private abstract class LogDecorator(IRecordLog inner) : IRecordLog
    {
        private IRecordReader? _reader;

        public virtual IRecordReader CreateReader(IPartitionOwner owner, Action<KafkaFailure> onFailure) => _reader = inner.CreateReader(owner, onFailure);

        public virtual IRecordWriter CreateWriter(IRecordReader reader, Action<KafkaFailure> onFailure) => inner.CreateWriter(_reader!, onFailure);

        public Task<string?> FindMissingTopicAsync(CancellationToken cancellation) => inner.FindMissingTopicAsync(cancellation);

        public Task<(long First, long End)> RangeAsync(TopicPartition partition, CancellationToken cancellation) => inner.RangeAsync(partition, cancellation);
    }

    private sealed class ForgetfulLog(IRecordLog inner, Func<LogPosition, LogPosition?> remembered) : LogDecorator(inner)
    {
        public override IRecordReader CreateReader(IPartitionOwner owner, Action<KafkaFailure> onFailure) =>
            new Reader(base.CreateReader(owner, onFailure), remembered);

        private sealed class Reader(IRecordReader inner, Func<LogPosition, LogPosition?> remembered) : IRecordReader
        {
            public IReadOnlyList<LogPosition> Committed(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout) =>
                [.. inner.Committed(partitions, timeout).Select(remembered).OfType<LogPosition>()];

            public void Subscribe(IReadOnlyList<string> topics) => inner.Subscribe(topics);

            public void Poll(TimeSpan timeout, List<RecordBatch> into) => inner.Poll(timeout, into);

            public void Wake() => inner.Wake();

            public void Pause(IReadOnlyCollection<TopicPartition> partitions) => inner.Pause(partitions);

            public void Resume(IReadOnlyCollection<TopicPartition> partitions) => inner.Resume(partitions);

            public void Rewind(TopicPartition partition, long? offset) => inner.Rewind(partition, offset);

            public void CommitOffsets(IReadOnlyCollection<(TopicPartition Partition, long NextOffset)> offsets) => inner.CommitOffsets(offsets);

            public long? EndOffset(TopicPartition partition) => inner.EndOffset(partition);

            public void Close() => inner.Close();

            public void Dispose() => inner.Dispose();
        }
    }

    private sealed class LateLog(IRecordLog inner, PendingLogCommits pending) : LogDecorator(inner)
    {
        public override IRecordWriter CreateWriter(IRecordReader reader, Action<KafkaFailure> onFailure) =>
            new Writer(base.CreateWriter(reader, onFailure), pending);

        private sealed class Writer(IRecordWriter inner, PendingLogCommits pending) : IRecordWriter
        {
            public bool IsTransactional => inner.IsTransactional;

            public Task ArriveAsync(CancellationToken cancellation) => inner.ArriveAsync(cancellation);

            public Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
            {
                pending.Next = () => inner.CompleteAsync(inputs, cancellation);
                return Task.CompletedTask;
            }

            public Task PrepareAsync(CancellationToken cancellation) => inner.PrepareAsync(cancellation);

            public Task BeginAsync(CancellationToken cancellation) => inner.BeginAsync(cancellation);

            public void Send(OutputBuffer records, CancellationToken cancellation) => inner.Send(records, cancellation);

            public Task SettleAsync(CancellationToken cancellation) => inner.SettleAsync(cancellation);

            public Task AbandonAsync(CancellationToken cancellation) => inner.AbandonAsync(cancellation);

            public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => inner.IsCompleteAsync(inputs, cancellation);

            public void Dispose() => inner.Dispose();
        }
    }
}
