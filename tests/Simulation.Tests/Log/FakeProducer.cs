using Confluent.Kafka;
using Simulation.Tests.Machine;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Simulation.Tests.Log;

/// <summary>A node's client for transactions on the fake log.</summary>
internal sealed class FakeTransactionalClient(
    Simulator simulator, SimulatedProcess process, Network network, Cluster cluster, LogFaults faults, FakeReader reader, string transactionalId)
    : ITransactionalClient
{
    public ITransactionalProducer CreateProducer() => new FakeProducer(simulator, process, network, cluster, faults, transactionalId);

    public IGroupMembership Membership() => new FakeMembership(reader.Membership.Place);

    public Task<IReadOnlyList<LogPosition>> CommittedAsync(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout) =>
        reader.CommittedAsync(partitions, timeout);
}

/// <summary>A member's place, when it was asked for.</summary>
internal sealed class FakeMembership(Place place) : IGroupMembership
{
    public Place Place => place;

    public bool IsOfMember => place.Generation >= 0;

    public void Dispose() { }
}

/// <summary>
/// A transactional producer, failing as librdkafka's does: for now (the transaction must be aborted), for good (this producer is of
/// no more use, and whether the call did its work is not told), or by never returning.
/// </summary>
internal sealed class FakeProducer(Simulator simulator, SimulatedProcess process, Network network, Cluster cluster, LogFaults faults, string id) : ITransactionalProducer
{
    private readonly Queue<Func<Task>> _unsent = new();
    private Task _sending = Task.CompletedTask;
    private KafkaFailure? _failed;
    private int _epoch;
    private bool _isDisposed;

    public async Task InitializeAsync(TimeSpan timeout)
    {
        Maybe("initialize", abortable: false);
        _epoch = await Retry.UntilAsync(process, timeout, () => network.CallAsync(process, cluster.Process, $"initialize {id}", () => cluster.InitializeAsync(id)));
        process.Trace($"{id} has epoch {_epoch}");
    }

    public void Begin() => ThrowIfFailed();

    public void Send(OutputBuffer records, CancellationToken cancellation)
    {
        ThrowIfFailed();
        Maybe("send", abortable: true);
        var batch = Copy(cluster.Topics, records);
        var epoch = _epoch;
        _unsent.Enqueue(() => network.CallAsync(process, cluster.Process, $"{id} produce {batch.Count} to {records.Topic}", () => cluster.ProduceAsync(id, epoch, batch)));
        if (_sending.IsCompleted)
        {
            _sending = SendAsync();
        }
    }

    public Task DeliverAsync() => Task.CompletedTask;

    public Task ArriveAsync(TimeSpan timeout) => _sending;

    public async Task SendOffsetsAsync(IReadOnlyCollection<PartitionOffset> offsets, IGroupMembership member, TimeSpan timeout)
    {
        ThrowIfFailed();
        Maybe("send offsets", abortable: true);
        var epoch = _epoch;
        await CallAsync(timeout, () => network.CallAsync(
            process, cluster.Process, $"{id} send offsets {string.Join(", ", offsets)}", () => cluster.SendOffsetsAsync(id, epoch, ((FakeMembership)member).Place, offsets)));
    }

    public async Task CommitAsync(TimeSpan timeout)
    {
        await _sending;
        ThrowIfFailed();
        Maybe("commit", abortable: true);
        await EndAsync(commit: true, timeout);
    }

    public async Task AbortAsync(TimeSpan timeout)
    {
        _unsent.Clear();
        await _sending;
        if (_failed is { RequiresAbort: false } failed)
        {
            throw new KafkaFailureException("Aborting the transaction", failed);
        }

        await EndAsync(commit: false, timeout);
        _failed = null;
    }

    public void Dispose()
    {
        _isDisposed = true;
        _unsent.Clear();
    }

    /// <summary>The records, with the partitions they go to; their offsets come later.</summary>
    public static List<(TopicPartition Partition, LogRecord Record)> Copy(FakeTopics topics, OutputBuffer records)
    {
        var batch = new List<(TopicPartition, LogRecord)>(records.Count);
        for (var i = 0; i < records.Count; i++)
        {
            var record = new LogRecord(
                0,
                records.HasKey(i) ? records.Key(i).ToArray() : null,
                records.HasValue(i) ? records.Value(i).ToArray() : null,
                records.TimestampMs(i),
                HeaderList.Unpack(records.Headers(i)));
            batch.Add((topics.PartitionFor(records.Topic, records.Key(i)), record));
        }

        return batch;
    }

    /// <summary>The end of a transaction may fail for good or hang, and have taken place or not.</summary>
    private async Task EndAsync(bool commit, TimeSpan timeout)
    {
        // A request that arrives late, or a second time, has the epoch it was made with: the next transaction's is another.
        var epoch = _epoch;
        var doing = commit ? "commit" : "abort";
        var call = () => network.CallAsync(process, cluster.Process, $"{id} {doing}", () => cluster.EndAsync(id, epoch, commit));
        var (fatal, hanging) = (simulator.Chance(faults.Fatal), simulator.Chance(faults.Hanging));
        if ((fatal || hanging) && simulator.Chance(0.5))
        {
            _ = CallAsync(timeout, call);
        }

        if (hanging)
        {
            process.Trace($"{id} {doing} hangs");
            await new TaskCompletionSource().Task;
        }

        if (fatal)
        {
            throw Fail($"{doing} fails for good", ErrorCode.InvalidProducerEpoch, fatal: true);
        }

        _epoch = await CallAsync(timeout, call);
    }

    private async Task SendAsync()
    {
        while (_failed is null && _unsent.TryDequeue(out var send))
        {
            try
            {
                await Retry.UntilAsync(process, TimeSpan.FromSeconds(15), async () =>
                {
                    await send();
                    return true;
                });
            }
            catch (KafkaFailureException e)
            {
                // A record that does not arrive in time fails the transaction.
                Understand(e.Failure.Code == ErrorCode.Local_TimedOut ? KafkaFailure.Of(ErrorCode.Local_MsgTimedOut) : e.Failure);
            }
        }
    }

    private async Task<T> CallAsync<T>(TimeSpan timeout, Func<Task<T>> call)
    {
        try
        {
            return await Retry.UntilAsync(process, timeout, call);
        }
        catch (KafkaFailureException e)
        {
            throw new KafkaFailureException("A call of the producer", Understand(e.Failure));
        }
    }

    /// <summary>What the server refuses: a producer whose epoch is over is of no more use; a transaction whose offsets are not taken must be aborted.</summary>
    private KafkaFailure Understand(KafkaFailure failure)
    {
        process.Trace($"{id}: {failure.Code}");
        var understood = failure.Code switch
        {
            ErrorCode.InvalidProducerEpoch => failure with { Fatal = true, Retriable = false },
            ErrorCode.Local_TimedOut => failure,
            _ => failure with { RequiresAbort = true, Retriable = false },
        };
        if (understood.Code != ErrorCode.Local_TimedOut)
        {
            _failed = understood;
        }

        return understood;
    }

    private void Maybe(string doing, bool abortable)
    {
        if (abortable && simulator.Chance(faults.Abortable))
        {
            throw Fail($"{doing} fails for now", ErrorCode.Local_MsgTimedOut, fatal: false);
        }

        if (simulator.Chance(faults.Fatal))
        {
            throw Fail($"{doing} fails for good", ErrorCode.InvalidProducerEpoch, fatal: true);
        }
    }

    private KafkaFailureException Fail(string what, ErrorCode code, bool fatal)
    {
        process.Trace($"{id} {what}");
        _failed = KafkaFailure.Of(code, code.ToString(), fatal: fatal) with { RequiresAbort = !fatal };
        return new KafkaFailureException(what, _failed);
    }

    private void ThrowIfFailed()
    {
        ObjectDisposedException.ThrowIf(_isDisposed, this);
        if (_failed is { } failed)
        {
            throw new KafkaFailureException("The producer has failed", failed);
        }
    }
}
