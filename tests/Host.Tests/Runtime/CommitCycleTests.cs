using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Tests.Runtime;

public sealed class CommitCycleTests
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly List<string> _calls = [];

    [Fact]
    public async Task what_a_transaction_can_take_back_is_on_its_way_while_the_store_writes()
    {
        var (writer, store) = (new Writer(_calls, isTransactional: true), new Store(_calls));
        using var cycle = new CommitCycle(store, writer, TimeProvider.System);
        var run = cycle.RunAsync([], new CycleProgress(), Cancel);
        Assert.Equal(["begin", "settle", "write"], _calls);

        store.Written.SetResult();
        Assert.False(run.IsCompleted);
        Assert.DoesNotContain("merge", _calls);

        writer.Settled.SetResult();
        await run;
        Assert.Equal(["begin", "settle", "write", "settled", "merge", "complete", "commit"], _calls);
    }

    [Fact]
    public async Task what_nothing_can_take_back_is_sent_when_the_store_has_written()
    {
        var (writer, store) = (new Writer(_calls, isTransactional: false), new Store(_calls));
        using var cycle = new CommitCycle(store, writer, TimeProvider.System);
        var run = cycle.RunAsync([], new CycleProgress(), Cancel);
        Assert.Equal(["begin", "write"], _calls);

        writer.Settled.SetResult();
        store.Written.SetResult();
        await run;
        Assert.Equal(["begin", "write", "settle", "settled", "merge", "complete", "commit"], _calls);
    }

    [Fact]
    public async Task a_cycle_that_the_store_refuses_is_taken_back_when_the_writer_has_finished()
    {
        var (writer, store) = (new Writer(_calls, isTransactional: true), new Store(_calls));
        using var cycle = new CommitCycle(store, writer, TimeProvider.System);
        var run = cycle.RunAsync([], new CycleProgress(), Cancel);
        store.Written.SetException(new FencedException([new TopicPartition("clicks", 0)]));
        Assert.False(run.IsCompleted);
        Assert.DoesNotContain("abandon", _calls);

        writer.Settled.SetResult();
        await Assert.ThrowsAsync<FencedException>(() => run);
        Assert.Equal(["begin", "settle", "write", "settled", "abandon"], _calls);
    }

    [Fact]
    public async Task totals_of_sessions_are_in_the_log_before_their_locks_are_looked_at_and_only_then_is_it_complete()
    {
        var sessions = new TableSchema("sessions", TableKind.Aggregate, [new Column("session_start", ColumnType.Timestamp, Merge: MergeRule.Key)]) { ChangelogTopic = "changes" };
        var (writer, store) = (new Writer(_calls, isTransactional: true), new Store(_calls) { Gone = [new RowBuffer(sessions)] });
        using var cycle = new CommitCycle(store, writer, TimeProvider.System);
        writer.Settled.SetResult();
        store.Written.SetResult();
        await cycle.RunAsync([], new CycleProgress(), Cancel);
        Assert.Equal(["merge", "arrive", "held?", "complete", "commit"], _calls[^5..]);
    }

    /// <summary>A log whose records arrive when the test says so.</summary>
    private sealed class Writer(List<string> calls, bool isTransactional) : IRecordWriter
    {
        public TaskCompletionSource Settled { get; } = new();

        public bool IsTransactional => isTransactional;

        public Task PrepareAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task BeginAsync(CancellationToken cancellation) => Note("begin");

        public void Send(OutputBuffer records, CancellationToken cancellation) => throw new NotSupportedException();

        public async Task SettleAsync(CancellationToken cancellation)
        {
            calls.Add("settle");
            await Settled.Task;
            calls.Add("settled");
        }

        public Task ArriveAsync(CancellationToken cancellation) => Note("arrive");

        public Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => Note("complete");

        public Task AbandonAsync(CancellationToken cancellation) => Note("abandon");

        public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => throw new NotSupportedException();

        public void Dispose() { }

        private Task Note(string call)
        {
            calls.Add(call);
            return Task.CompletedTask;
        }
    }

    /// <summary>A store that has written, or refuses to, when the test says so.</summary>
    private sealed class Store(List<string> calls) : IStateStore, ICommitTransaction
    {
        public TaskCompletionSource Written { get; } = new();

        public IReadOnlyList<RowBuffer> Totals => [];

        public IReadOnlyList<RowBuffer> Gone { get; init; } = [];

        public async Task<ICommitTransaction> WriteAsync(
            IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation)
        {
            calls.Add("write");
            await Written.Task;
            await beforeMerge(cancellation);
            calls.Add("merge");
            return this;
        }

        public Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> loads, CancellationToken cancellation) => throw new NotSupportedException();

        public Task EnsureHeldAsync(CancellationToken cancellation)
        {
            calls.Add("held?");
            return Task.CompletedTask;
        }

        public Task CommitAsync(CancellationToken cancellation)
        {
            calls.Add("commit");
            return Task.CompletedTask;
        }

        public Task PrepareAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<IReadOnlyList<PartitionStart>> AcquireAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation) =>
            throw new NotSupportedException();

        public Task HeartbeatAsync(CancellationToken cancellation) => throw new NotSupportedException();

        public Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation) => throw new NotSupportedException();

        public Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(
            IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, CancellationToken cancellation) => throw new NotSupportedException();

        public ValueTask DisposeAsync() => ValueTask.CompletedTask;
    }
}
