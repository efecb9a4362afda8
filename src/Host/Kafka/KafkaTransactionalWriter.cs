using Confluent.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>
/// A producer of a node that promises exactly once: the records of a cycle and the offsets they come from are one
/// transaction. The group's generation fences a stale node, the transactional id a stale producer of the same node.
/// </summary>
/// <remarks>
/// A producer that failed for good is replaced at the next cycle. Where it failed while committing, nobody told whether
/// the transaction took place; <see cref="IsCompleteAsync"/> finds out.
/// </remarks>
internal sealed class KafkaTransactionalWriter(ITransactionalClient client, TimeProvider time) : IRecordWriter
{
    private static readonly TimeSpan _timeout = TimeSpan.FromSeconds(20);

    /// <summary>After so long a call counts as lost.</summary>
    private static readonly TimeSpan _patience = _timeout + TimeSpan.FromSeconds(5);

    /// <summary>After so long a node that starts says that it waits for Kafka.</summary>
    private static readonly TimeSpan _prepareTimeout = TimeSpan.FromSeconds(5);

    private ITransactionalProducer? _producer;
    private IGroupMembership? _member;
    private bool _isOpen;

    /// <summary>Two that take turns; the second one's transactional id is the first one's, with <c>/2</c> behind it.</summary>
    /// <param name="transactionalId">The node's own.</param>
    /// <param name="client">Makes a client for a transactional id.</param>
    /// <param name="time">The clock.</param>
    public static IRecordWriter Alternating(string transactionalId, Func<string, ITransactionalClient> client, TimeProvider time) =>
        new AlternatingWriter(new KafkaTransactionalWriter(client(transactionalId), time), new KafkaTransactionalWriter(client($"{transactionalId}/2"), time));

    public bool IsTransactional => true;

    /// <summary>
    /// Registers the transactional id. A transaction that a killed process of this node left open is aborted by that; if it has
    /// offsets, the group would not tell any until it ends.
    /// </summary>
    public Task PrepareAsync(CancellationToken cancellation) => ConnectAsync(_prepareTimeout, cancellation);

    public async Task BeginAsync(CancellationToken cancellation)
    {
        _member?.Dispose();
        _member = client.Membership();
        if (!_member.IsOfMember)
        {
            throw new KafkaFailureException("Beginning a commit", KafkaFailure.Of(ErrorCode.UnknownMemberId));
        }

        if (!_isOpen)
        {
            await ConnectAsync(_timeout, cancellation);
            Try(producer => producer.Begin());
            _isOpen = true;
        }
    }

    public void Send(OutputBuffer records, CancellationToken cancellation) => Try(producer => producer.Send(records, cancellation));

    public Task SettleAsync(CancellationToken cancellation) => TryAsync(producer => producer.DeliverAsync(), cancellation);

    public Task ArriveAsync(CancellationToken cancellation) => TryAsync(producer => producer.ArriveAsync(_timeout), cancellation);

    /// <summary>
    /// A cycle without records has a transaction, too: it keeps the group's offsets up to date, which nothing else may do. An
    /// offset committed by the consumer could arrive after a later transaction's, and move the group back; the next owner
    /// would then repeat records that are there already.
    /// </summary>
    /// <remarks>
    /// The offsets join the transaction as late as can be: while it is open and has offsets, the group tells none, so whoever
    /// takes over from a node that dies or stands still meanwhile waits until the broker ends it.
    /// </remarks>
    public async Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
    {
        PartitionOffset[] offsets = [.. inputs.Select(PositionMetadata.ToOffset)];
        var member = _member!;
        await TryAsync(producer => Task.WhenAll(producer.DeliverAsync(), producer.SendOffsetsAsync(offsets, member, _timeout)), cancellation);
        try
        {
            await TryAsync(producer => producer.CommitAsync(_timeout), cancellation);
            _isOpen = false;
        }
        catch (KafkaFailureException e) when (!e.Failure.RequiresAbort)
        {
            throw new LogOutcomeUnknownException(e);
        }
    }

    public async Task AbandonAsync(CancellationToken cancellation)
    {
        if (!_isOpen)
        {
            return;
        }

        try
        {
            await TryAsync(producer => producer.AbortAsync(_timeout), cancellation);
            _isOpen = false;
        }
        catch (Exception e) when (e is KafkaFailureException or OperationCanceledException)
        {
            // Its successor aborts the transaction when it registers.
            Drop();
        }
    }

    public async Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
    {
        // A new producer of the same id settles what the old one left open, one way or the other.
        await ConnectAsync(_timeout, cancellation);
        var committed = (await client.CommittedAsync([.. inputs.Select(i => i.Partition)], _timeout).WaitAsync(cancellation)).ToDictionary(c => c.Partition);
        return inputs.All(i => committed.TryGetValue(i.Partition, out var there)
            && there.Era == i.Era && there.NextOffset >= i.NextOffset && there.LastReplay >= i.LastReplay);
    }

    public void Dispose()
    {
        _producer?.Dispose();
        _member?.Dispose();
    }

    private async Task ConnectAsync(TimeSpan timeout, CancellationToken cancellation)
    {
        if (_producer is null)
        {
            _producer = client.CreateProducer();
            await TryAsync(producer => producer.InitializeAsync(timeout), cancellation);
        }
    }

    /// <summary>
    /// Waits for a call. The library may never return from one, whatever time it was given: it can wait for a broker that it
    /// has taken off its list; and a node that is told to stop does not wait. Such a call stays behind with its producer; the
    /// next producer of the same id fences it.
    /// </summary>
    private async Task TryAsync(Func<ITransactionalProducer, Task> work, CancellationToken cancellation)
    {
        var producer = _producer!;
        var call = work(producer);
        try
        {
            await call.WaitAsync(_patience, time, cancellation);
        }
        catch (Exception e) when (e is TimeoutException or OperationCanceledException && !call.IsCompleted)
        {
            _producer = null;
            Drop();
            _ = DisposeAfterAsync(call, producer);
            cancellation.ThrowIfCancellationRequested();
            throw new KafkaFailureException(
                "A call of the Kafka client", KafkaFailure.Of(ErrorCode.Local_TimedOut, $"It has not returned after {_patience.TotalSeconds} s; the producer is replaced."));
        }
        catch (KafkaFailureException e)
        {
            DropUnlessAbortable(e);
            throw;
        }
    }

    private static async Task DisposeAfterAsync(Task call, ITransactionalProducer producer)
    {
        await call.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
        producer.Dispose();
    }

    private void Try(Action<ITransactionalProducer> work)
    {
        try
        {
            work(_producer!);
        }
        catch (KafkaFailureException e)
        {
            DropUnlessAbortable(e);
            throw;
        }
    }

    /// <summary>What can be aborted is, by the cycle; a producer that is broken in any other way is replaced.</summary>
    private void DropUnlessAbortable(KafkaFailureException e)
    {
        if (!e.Failure.RequiresAbort)
        {
            Drop();
        }
    }

    private void Drop()
    {
        _isOpen = false;
        _producer?.Dispose();
        _producer = null;
    }
}
