using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime.Actors;
using Streams.Hosting.Telemetry;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// What runs in a node once its tables and topics are there: the consumer, the tasks, the committer; a commit every interval,
/// and a look at what commits do not show. Knows the log, the store and the machine only by their interfaces, so that a
/// simulation runs the same.
/// </summary>
internal sealed class NodeRuntime
{
    private static readonly TimeSpan _groupTimeout = TimeSpan.FromSeconds(5);
    private readonly Topology _topology;
    private readonly StreamsOptions _options;
    private readonly IStateStore _store;
    private readonly IRecordLog _log;
    private readonly NodeHealth _health;
    private readonly NodeMetrics _metrics;
    private readonly NodeSurroundings _surroundings;
    private readonly ILoggerFactory _loggers;
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    public NodeRuntime(
        Topology topology,
        StreamsOptions options,
        IStateStore store,
        IRecordLog log,
        NodeHealth health,
        NodeMetrics metrics,
        NodeSurroundings surroundings,
        ILoggerFactory loggers)
    {
        _topology = topology;
        _options = options;
        _store = store;
        _log = log;
        _health = health;
        _metrics = metrics;
        _surroundings = surroundings;
        _loggers = loggers;
    }

    /// <summary>Where nothing is written to the log, nothing needs a transaction there.</summary>
    public static bool IsTransactional(Topology topology, StreamsOptions options) =>
        options.Guarantee == Guarantee.ExactlyOnce && topology.SinkTopics.Count > 0;

    /// <summary>Runs until told to stop, then commits, leaves and goes.</summary>
    /// <exception cref="NodeFailedException">A part failed beyond repair.</exception>
    public async Task RunAsync(CancellationToken stopping)
    {
        using var abort = new CancellationTokenSource();
        var parts = Build(abort.Token);
        using var loop = parts.Loop;
        using var reader = parts.Reader;
        using var writer = parts.Writer;
        try
        {
            await RetryAsync(Dependency.Kafka, () => writer.PrepareAsync(stopping), stopping);
            loop.Start(_topology.SourceTopics);
            await CommitRegularlyAsync(parts, stopping);
        }
        finally
        {
            _health.Stopping();
            // What the consumer has begun to take over is not waited for to the end: what it has must still be committed and given up.
            await using var limit = _surroundings.Time.CreateTimer(_ => abort.Cancel(), null, _options.ShutdownTimeout / 3, Timeout.InfiniteTimeSpan);
            try
            {
                await loop.StopAsync();
            }
            catch (Exception) when (_failed.Task.IsCompleted)
            {
                // What the node ends for is on its way already.
            }
            finally
            {
                // It works with the reader and the writer, which are freed next.
                await parts.Committer.StopAsync();
            }
        }
    }

    /// <summary>Tries until it works or the node stops; only what does not pass by itself is thrown.</summary>
    public Task RetryAsync(Dependency dependency, Func<Task> work, CancellationToken stopping) =>
        new Retries(_health, _surroundings).RunAsync(dependency, work, stopping);

    /// <summary>The log's client reports a failure of its own.</summary>
    private void OnKafkaFailure(Parts parts, KafkaFailure failure)
    {
        switch (failure)
        {
            case { Kind: KafkaFailureKind.OffsetOutOfRange, Partition: { } partition }:
                parts.Partitions.Strand(partition, failure.Offset);
                break;
            case { Kind: KafkaFailureKind.Unauthorized or KafkaFailureKind.Unauthenticated } or { Fatal: true, Fenced: true }:
                Fail(new KafkaFailureException("Taking part in the group", failure));
                break;
            case { Code: Confluent.Kafka.ErrorCode.Local_AllBrokersDown }:
            case { Kind: KafkaFailureKind.UnknownTopic }:
                parts.Probe.SuspectLog();
                break;
        }
    }

    private async Task CommitRegularlyAsync(Parts parts, CancellationToken stopping)
    {
        using var ended = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        _ = CancelWithAsync(_failed.Task, ended);
        _ = CancelWithAsync(parts.Loop.Stopped, ended);
        using var timer = new PeriodicTimer(_options.CommitInterval, _surroundings.Time);
        var probe = parts.Probe.RunAsync(stopping);
        _ = FailWithAsync(probe);
        while (!stopping.IsCancellationRequested)
        {
            try
            {
                await timer.WaitForNextTickAsync(ended.Token);
            }
            catch (OperationCanceledException) when (_failed.Task.IsCompleted)
            {
                throw new NodeFailedException(_failed.Task.Result);
            }
            catch (OperationCanceledException) when (parts.Loop.Stopped.IsFaulted)
            {
                await parts.Loop.Stopped;
            }

            parts.CommitSoon();
            parts.TellGroup();
        }

        await probe;
    }

    /// <summary>A wait for the first of several tasks would add to each of them at every tick, and go on a thread of its choice.</summary>
    private static async Task CancelWithAsync(Task task, CancellationTokenSource source)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        try
        {
            source.Cancel();
        }
        catch (ObjectDisposedException)
        {
            // Nobody waits any more.
        }
    }

    private Parts Build(CancellationToken abort)
    {
        var layout = new TaskLayout(_topology);
        var load = new NodeLoad(_options.CommitBytes);
        var taskOptions = new TaskOptions
        {
            Application = _options.ApplicationId,
            OnError = _options.OnError,
            MaxFuture = _options.MaxFuture,
            MaxRecordBytes = _options.MaxRecordBytes,
            StateCacheBytes = _options.StateCacheBytes,
        };
        var parts = new Parts(_surroundings);
        var states = new StateLoader(_store, _health, _metrics, _surroundings);
        var partitions = new Partitions(layout, taskOptions, _store, states, load, _health, _surroundings, _loggers.CreateLogger<Partitions>())
        {
            Links = new Partitions.Wiring(
                () => parts.CommitSoon(), () => parts.Loop.RoomMade(), task => parts.Loop.Start(() => parts.Partitions.StartAgain(task)), tasks => parts.Release(tasks, _options.ShutdownTimeout),
                Fail,
                IsTransactional(_topology, _options) ? partitions => parts.Reader.Committed(partitions, _groupTimeout) : _ => [],
                abort),
        };
        parts.Partitions = partitions;
        parts.Reader = _log.CreateReader(partitions, failure => OnKafkaFailure(parts, failure));
        parts.Writer = _log.CreateWriter(parts.Reader, failure => OnKafkaFailure(parts, failure));
        var circuit = new Circuit(_loggers.CreateLogger<Circuit>());
        parts.Loop = new ConsumerLoop(parts.Reader, partitions, _options.MailboxBytes, circuit, _surroundings);
        var cycle = new CommitCycle(_store, parts.Writer, _surroundings.Time);
        var committer = new Committer(partitions, cycle, _store, _health, _metrics, circuit, _surroundings, parts.Committed, _loggers.CreateLogger<Committer>());
        parts.Committer = _surroundings.Actors.Spawn("committer", committer, Fail);
        var idle = new IdlePartitions(
            partitions, _store, _log, partition => parts.Loop.Start(() => partitions.TakeAgain(partition)), _health, _surroundings.Time,
            _loggers.CreateLogger<IdlePartitions>());
        parts.Probe = new NodeProbe(committer, partitions, idle, new Replays(partitions, _store), _store, _log, _health, _surroundings.Time, Fail);
        _metrics.Observe(() => Lags(partitions, parts.Reader), () => [new Measurement<int>(_health.IsReady ? 1 : 0)]);
        return parts;
    }

    private static IEnumerable<Measurement<long>> Lags(Partitions partitions, IRecordReader reader)
    {
        foreach (var task in partitions.Running)
        {
            if (reader.EndOffset(task.Partition) is { } end)
            {
                yield return new Measurement<long>(
                    Math.Max(0, end - (task.CommittedOffset ?? 0)),
                    new KeyValuePair<string, object?>("topic", task.Partition.Topic),
                    new KeyValuePair<string, object?>("partition", task.Partition.Partition));
            }
        }
    }

    private void Fail(Exception error) => _failed.TrySetResult(error);

    private async Task FailWithAsync(Task task)
    {
        await task.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        if (task.Exception?.InnerException is { } error)
        {
            Fail(error);
        }
    }

    /// <summary>What runs, and the few ways its parts reach each other.</summary>
    private sealed class Parts(NodeSurroundings surroundings)
    {
        private static readonly TimeSpan _groupCommitInterval = TimeSpan.FromSeconds(1);
        private readonly Dictionary<TopicPartition, long> _untold = [];
        private int _commitRequested;
        private long? _lastGroupCommit;

        public IRecordReader Reader { get; set; } = null!;

        public IRecordWriter Writer { get; set; } = null!;

        public Partitions Partitions { get; set; } = null!;

        public ConsumerLoop Loop { get; set; } = null!;

        public IActorRef<CommitterMessage> Committer { get; set; } = null!;

        public NodeProbe Probe { get; set; } = null!;

        /// <summary>Asks for a commit unless one is asked for already.</summary>
        public void CommitSoon()
        {
            if (Interlocked.Exchange(ref _commitRequested, 1) == 0)
            {
                Committer.Tell(new CommitterMessage.Commit(() => Volatile.Write(ref _commitRequested, 0)));
            }
        }

        public bool Release(IReadOnlyList<OwnedTask> tasks, TimeSpan timeout)
        {
            var reply = new TaskCompletionSource<bool>(TaskCreationOptions.RunContinuationsAsynchronously);
            Committer.TellUrgently(new CommitterMessage.Release(tasks, reply));
            var isInTime = surroundings.ConsumerThread.Wait(reply.Task, timeout) && reply.Task.Result;
            lock (_untold)
            {
                tasks.ToList().ForEach(t => _untold.Remove(t.Partition));
            }

            if (isInTime && !Writer.IsTransactional)
            {
                Reader.CommitOffsets([.. tasks.Where(t => t.CommittedOffset is not null).Select(t => (t.Partition, t.CommittedOffset!.Value))]);
            }

            return isInTime;
        }

        public void Committed(IReadOnlyList<OwnedTask> tasks)
        {
            if (!Writer.IsTransactional)
            {
                lock (_untold)
                {
                    foreach (var task in tasks)
                    {
                        _untold[task.Partition] = task.CommittedOffset!.Value;
                    }
                }
            }
        }

        /// <summary>Tells the group now and then how far this node is: also, a little later, the last cycle before a pause.</summary>
        public void TellGroup()
        {
            (TopicPartition, long)[] offsets = [];
            if (_lastGroupCommit is not { } last || surroundings.Time.GetElapsedTime(last) >= _groupCommitInterval)
            {
                lock (_untold)
                {
                    offsets = [.. _untold.Select(u => (u.Key, u.Value))];
                    _untold.Clear();
                }
            }

            if (offsets.Length > 0)
            {
                _lastGroupCommit = surroundings.Time.GetTimestamp();
                Reader.CommitOffsets(offsets);
            }
        }
    }
}
