using System.Diagnostics;
using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Kafka;

/// <summary>
/// The transactions of a producer: records and consumer offsets that a <c>read_committed</c> consumer sees all or none of.
/// </summary>
/// <remarks>
/// <code>
///             Initialize              Begin                  Commit
/// (new) ---------------------> ready --------> open ---------------------> ready
///                                               |  failed, RequiresAbort
///                                               +---------> Abort -------> ready
/// any state -- fenced or fatal --> dispose the producer, make a new one
/// </code>
/// Retriable failures are retried until the time is up; one that is thrown may be retried by the same call again.
/// </remarks>
internal sealed unsafe class KafkaTransactions
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(50);
    private readonly ProducerHandle _handle;
    private readonly DeliveryFailures _undelivered;
    private readonly string _id;

    public KafkaTransactions(ProducerHandle handle, DeliveryFailures undelivered, string id)
    {
        _handle = handle;
        _undelivered = undelivered;
        _id = id;
    }

    /// <summary>
    /// Registers the transactional id: earlier producers with it are fenced, and what they left open is aborted. Once,
    /// before anything else.
    /// </summary>
    public void Initialize(TimeSpan timeout) =>
        Try("Initializing the transactional id", timeout, ms => NativeMethods.rd_kafka_init_transactions(Rk, ms));

    /// <summary>Opens a transaction; what is sent from here on belongs to it.</summary>
    public void Begin() => Try("Beginning the transaction", TimeSpan.Zero, _ => NativeMethods.rd_kafka_begin_transaction(Rk));

    /// <summary>
    /// Why the transaction takes no more records. Only after <see cref="ErrorCode.Local_State"/>: where nothing has failed, asking opens a
    /// transaction.
    /// </summary>
    /// <returns><c>null</c> if there is no cause; the producer is then of no use any more.</returns>
    public KafkaFailure? TakeFailure()
    {
        // The library tells the cause to whoever asks for the next step, and none is possible from that state.
        var error = NativeMethods.rd_kafka_begin_transaction(Rk);
        return error == 0 ? null : KafkaFailure.Take(error);
    }

    /// <summary>Adds the offsets that a consumer group goes on from.</summary>
    /// <param name="offsets">Per partition, the next offset to read.</param>
    /// <param name="member">The consumer's membership: fails with <see cref="KafkaFailure.RequiresAbort"/> when it is no longer valid.</param>
    /// <param name="timeout">For how long to retry.</param>
    public void SendOffsets(IReadOnlyCollection<PartitionOffset> offsets, GroupMetadata member, TimeSpan timeout)
    {
        if (offsets.Count == 0)
        {
            return;
        }

        using var list = NativePartitionList.Of(_handle, offsets);
        var pointer = list.Pointer;
        Try("Sending offsets to the transaction", timeout, ms => NativeMethods.rd_kafka_send_offsets_to_transaction(Rk, pointer, member, ms));
    }

    /// <summary>
    /// Gives the records sent so far time to arrive, and sends them without waiting for more. That they have not, or cannot,
    /// shows at the commit.
    /// </summary>
    public void AwaitDelivery(TimeSpan patience) => NativeMethods.rd_kafka_flush(Rk, KafkaConsumer.Milliseconds(patience));

    /// <summary>Waits until all its records have arrived, and commits the transaction.</summary>
    public void Commit(TimeSpan timeout)
    {
        Try("Committing the transaction", timeout, ms => NativeMethods.rd_kafka_commit_transaction(Rk, ms));
        _undelivered.Clear();
    }

    /// <summary>Gives the transaction up: no <c>read_committed</c> consumer will see any of it.</summary>
    public void Abort(TimeSpan timeout)
    {
        Try("Aborting the transaction", timeout, ms => NativeMethods.rd_kafka_abort_transaction(Rk, ms));

        // The records that were still queued count as undelivered, as they should be.
        _undelivered.Clear();
    }

    private nint Rk => _handle.DangerousGetHandle();

    private void Try(string doing, TimeSpan timeout, Func<int, nint> call)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            var left = timeout - Stopwatch.GetElapsedTime(started);
            var error = call(KafkaConsumer.Milliseconds(left));
            if (error == 0)
            {
                return;
            }

            var failure = KafkaFailure.Take(error);
            if (failure.Retriable && left > _pause)
            {
                Thread.Sleep(_pause);
                continue;
            }

            throw new KafkaFailureException($"{doing} ({_id})", Explain(failure));
        }
    }

    private KafkaFailure Explain(KafkaFailure failure)
    {
        var fatal = stackalloc byte[NativeText.ErrorBytes];
        var code = NativeMethods.rd_kafka_fatal_error(Rk, fatal, NativeText.ErrorBytes);
        if (code != ErrorCode.NoError)
        {
            // A fenced producer reports a fatal error first of all; what it was about says whether another one took over.
            return failure with
            {
                Fatal = true,
                RequiresAbort = false,
                Retriable = false,
                Kind = KafkaFailure.Classify(code),
                Reason = $"{failure.Reason}: {NativeText.Read(fatal)}",
            };
        }

        return _undelivered.Take() is { } undelivered ? failure with { Reason = $"{failure.Reason}: {undelivered.Reason}" } : failure;
    }
}
