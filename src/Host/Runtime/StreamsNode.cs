using System.Diagnostics.Metrics;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime.Actors;
using Streams.Hosting.Telemetry;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// A node's life: wait for PostgreSQL and Kafka, prepare tables and topics, take part in the group until told to stop,
/// then commit, leave and go. What it cannot mend itself ends the process with exit code 1.
/// </summary>
internal sealed class StreamsNode(
    Topology topology,
    IOptions<StreamsOptions> options,
    KafkaSettings kafka,
    IStateStore store,
    NodeIdentity identity,
    NodeHealth health,
    NodeMetrics metrics,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILoggerFactory loggers) : BackgroundService
{
    private static readonly TimeSpan _groupTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _stuckAfter = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _probeInterval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _probePatience = TimeSpan.FromSeconds(3);
    private readonly ILogger _logger = loggers.CreateLogger<StreamsNode>();
    private readonly StreamsOptions _options = options.Value;
    private volatile bool _kafkaIsSuspect;
    private readonly TaskCompletionSource<Exception> _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Nothing of the host waits for this: it would not listen before we are through with the first await.
        await Task.Yield();
        _logger.NodeStarts(identity.Name, _options.ApplicationId);
        try
        {
            await RunAsync(stoppingToken);
            _logger.NodeStopped(identity.Name);
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            _logger.NodeStopped(identity.Name);
        }
        catch (Exception e)
        {
            _logger.NodeFailed(e, identity.Name, Failures.Describe(e is NodeFailedException { InnerException: { } cause } ? cause : e));
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    private async Task RunAsync(CancellationToken stopping)
    {
        using var admin = new KafkaAdmin(kafka, identity.Name, loggers.CreateLogger<KafkaAdmin>());
        await RetryAsync(Dependency.Postgres, () => store.PrepareAsync(stopping), stopping);
        await PrepareTopicsAsync(admin, stopping);

        using var abort = new CancellationTokenSource();
        var parts = Build(abort.Token);
        using var loop = parts.Loop;
        using var reader = parts.Reader;
        using var writer = parts.Writer;
        try
        {
            await RetryAsync(Dependency.Kafka, () => writer.PrepareAsync(stopping), stopping);
            loop.Start(topology.SourceTopics);
            await CommitRegularlyAsync(parts, admin, stopping);
        }
        finally
        {
            health.Stopping();
            abort.CancelAfter(_options.ShutdownTimeout);
            await loop.StopAsync();
            await parts.Committer.StopAsync();
        }
    }

    private async Task CommitRegularlyAsync(Parts parts, KafkaAdmin admin, CancellationToken stopping)
    {
        using var timer = new PeriodicTimer(_options.CommitInterval, time);
        var probe = ProbeAsync(parts, admin, stopping);
        while (!stopping.IsCancellationRequested)
        {
            var tick = timer.WaitForNextTickAsync(stopping).AsTask();
            var first = await Task.WhenAny(tick, _failed.Task, parts.Loop.Stopped);
            if (first == _failed.Task)
            {
                throw new NodeFailedException(_failed.Task.Result);
            }

            await first;
            parts.CommitSoon();
            parts.TellGroup();
        }

        await probe;
    }

    /// <summary>
    /// Looks after what commits do not show while there is nothing to commit: whether PostgreSQL is there, and Kafka, when its
    /// client has reported a loss. The client says when it has lost all brokers, sometimes late and for one connection of
    /// several, and does not say when it has found them again; so its word is a reason to look, not the answer.
    /// </summary>
    private async Task ProbeAsync(Parts parts, KafkaAdmin admin, CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await Task.Delay(_probeInterval, time, stopping).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            if (parts.Partitions.FencedFor(_stuckAfter) is { Count: > 0 } stuck)
            {
                Fail(new PartitionsStuckException(stuck));
            }

            if (stopping.IsCancellationRequested || parts.IsRetrying())
            {
                continue;
            }

            await ProbeAsync(Dependency.Postgres, store.HeartbeatAsync, parts, stopping);
            if (_kafkaIsSuspect || health.IsDown(Dependency.Kafka) || health.IsDown(Dependency.Topics))
            {
                _kafkaIsSuspect = false;
                await ProbeAsync(Dependency.Kafka, cancellation => FindTopicsAsync(admin, cancellation), parts, stopping);
            }
        }
    }

    private async Task ProbeAsync(Dependency dependency, Func<CancellationToken, Task> probe, Parts parts, CancellationToken stopping)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(stopping);
        patience.CancelAfter(_probePatience);
        try
        {
            await probe(patience.Token);
            if (!parts.IsHeldUp())
            {
                health.Up(dependency);
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The node stops.
        }
        catch (Exception e)
        {
            // Whether it is worth stopping for is for the next commit to say.
            health.Down(dependency, e is OperationCanceledException ? $"no answer within {_probePatience}" : Failures.Describe(e));
        }
    }

    private async Task FindTopicsAsync(KafkaAdmin admin, CancellationToken cancellation)
    {
        foreach (var topic in topology.SourceTopics)
        {
            if (await admin.PartitionCountAsync(topic, cancellation) is null)
            {
                health.Down(Dependency.Topics, $"the input topic '{topic}' does not exist any more");
                return;
            }
        }

        health.Up(Dependency.Topics);
    }

    private async Task PrepareTopicsAsync(KafkaAdmin admin, CancellationToken stopping)
    {
        var partitions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var topic in topology.SourceTopics)
        {
            await RetryAsync(
                Dependency.Kafka,
                async () => partitions[topic] = await WaitForTopicAsync(admin, topic, stopping),
                stopping);
        }

        health.Up(Dependency.Topics);
        foreach (var topic in topology.SinkTopics)
        {
            var wanted = _options.OutputPartitions > 0 ? _options.OutputPartitions : topology.SourcesOf(topic).Max(source => partitions[source]);
            await RetryAsync(Dependency.Kafka, () => admin.EnsureTopicAsync(topic, wanted, stopping), stopping);
        }
    }

    private async Task<int> WaitForTopicAsync(KafkaAdmin admin, string topic, CancellationToken stopping)
    {
        while (true)
        {
            if (await admin.PartitionCountAsync(topic, stopping) is { } partitions)
            {
                return partitions;
            }

            health.Up(Dependency.Kafka);
            health.Down(Dependency.Topics, $"the input topic '{topic}' does not exist; create it, or start its producer");
            await Task.Delay(TimeSpan.FromMilliseconds(500), time, stopping);
        }
    }

    private async Task RetryAsync(Dependency dependency, Func<Task> work, CancellationToken stopping)
    {
        var backoff = new Backoff(time);
        while (true)
        {
            try
            {
                await work();
                health.Up(dependency);
                return;
            }
            catch (Exception e) when (Failures.IsTransient(e) && !stopping.IsCancellationRequested)
            {
                health.Down(dependency, Failures.Describe(e));
                await backoff.WaitAsync(stopping);
            }
        }
    }

    private Parts Build(CancellationToken abort)
    {
        var layout = new TaskLayout(topology);
        var load = new NodeLoad(_options.CommitBytes);
        var taskOptions = new TaskOptions { OnError = _options.OnError, MaxFuture = _options.MaxFuture, MaxRecordBytes = _options.MaxRecordBytes };
        var actors = new ChannelActorSystem();
        var parts = new Parts();
        var partitions = new Partitions(layout, taskOptions, store, actors, load, health, time, loggers.CreateLogger<Partitions>())
        {
            Links = new Partitions.Wiring(
                () => parts.CommitSoon(), () => parts.Loop.RoomMade(), tasks => parts.Release(tasks, _options.ShutdownTimeout),
                Fail,
                IsTransactional ? partitions => parts.Reader.Committed(partitions, _groupTimeout) : _ => [],
                abort),
        };
        var member = new GroupMember(_options.ApplicationId, identity.Name, _options.NodeName);
        parts.Reader = new KafkaRecordReader(kafka, member, partitions, OnKafkaFailure, loggers.CreateLogger<KafkaConsumer>());
        parts.Writer = CreateWriter(parts.Reader);
        parts.Partitions = partitions;
        parts.Loop = new ConsumerLoop(parts.Reader, partitions, _options.MailboxBytes);
        var cycle = new CommitCycle(store, parts.Writer, time);
        var committer = new Committer(partitions, cycle, store, health, metrics, time, parts.Committed, loggers.CreateLogger<Committer>());
        parts.Committer = actors.Spawn("committer", committer, Fail);
        parts.IsRetrying = () => committer.IsRetrying;
        parts.IsHeldUp = () => committer.IsHeldUp;
        metrics.Observe(() => Lags(partitions, parts.Reader), () => [new Measurement<int>(health.IsReady ? 1 : 0)]);
        return parts;
    }

    /// <summary>Where nothing is written to Kafka, nothing needs a transaction there.</summary>
    private bool IsTransactional => _options.Guarantee == Guarantee.ExactlyOnce && topology.SinkTopics.Count > 0;

    private IRecordWriter CreateWriter(KafkaRecordReader reader)
    {
        var logger = loggers.CreateLogger<KafkaProducer>();
        return IsTransactional
            ? new KafkaTransactionalWriter(kafka, identity.Name, $"{_options.ApplicationId}/{identity.Name}", reader, OnProducerFailure, logger)
            : new KafkaRecordWriter(kafka, identity.Name, OnProducerFailure, logger);
    }

    private static IEnumerable<Measurement<long>> Lags(Partitions partitions, KafkaRecordReader reader)
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

    /// <summary>A producer tells of lost brokers only when it sends again, which may be long after they are back. The consumer tells at once.</summary>
    private void OnProducerFailure(KafkaFailure failure)
    {
        if (failure.Code != Confluent.Kafka.ErrorCode.Local_AllBrokersDown)
        {
            OnKafkaFailure(failure);
        }
    }

    private void OnKafkaFailure(KafkaFailure failure)
    {
        switch (failure)
        {
            case { Kind: KafkaFailureKind.OffsetOutOfRange }:
                Fail(new OffsetOutOfRangeException(failure));
                break;
            case { Kind: KafkaFailureKind.Unauthorized or KafkaFailureKind.Unauthenticated } or { Fatal: true, Fenced: true }:
                Fail(new KafkaFailureException("Taking part in the group", failure));
                break;
            case { Code: Confluent.Kafka.ErrorCode.Local_AllBrokersDown }:
            case { Kind: KafkaFailureKind.UnknownTopic }:
                _kafkaIsSuspect = true;
                break;
        }
    }

    /// <summary>What runs, and the few ways its parts reach each other.</summary>
    private sealed class Parts
    {
        private static readonly TimeSpan _groupCommitInterval = TimeSpan.FromSeconds(1);
        private readonly Dictionary<TopicPartition, long> _untold = [];
        private int _commitRequested;
        private long _lastGroupCommit;

        public KafkaRecordReader Reader { get; set; } = null!;

        public IRecordWriter Writer { get; set; } = null!;

        public Partitions Partitions { get; set; } = null!;

        public ConsumerLoop Loop { get; set; } = null!;

        public IActorRef<CommitterMessage> Committer { get; set; } = null!;

        public Func<bool> IsRetrying { get; set; } = () => false;

        public Func<bool> IsHeldUp { get; set; } = () => false;

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
            var isInTime = reply.Task.Wait(timeout) && reply.Task.Result;
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
            if (Environment.TickCount64 - _lastGroupCommit >= _groupCommitInterval.TotalMilliseconds)
            {
                lock (_untold)
                {
                    offsets = [.. _untold.Select(u => (u.Key, u.Value))];
                    _untold.Clear();
                }
            }

            if (offsets.Length > 0)
            {
                _lastGroupCommit = Environment.TickCount64;
                Reader.CommitOffsets(offsets);
            }
        }
    }
}
