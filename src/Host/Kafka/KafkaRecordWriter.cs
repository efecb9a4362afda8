using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>The producer of a node that promises at least once: its records are flushed before PostgreSQL commits. A producer that failed for good is replaced before the next record.</summary>
internal sealed class KafkaRecordWriter(KafkaSettings settings, string clientId, Action<KafkaFailure> onFailure, ILogger logger) : IRecordWriter
{
    /// <summary>
    /// How long one flush waits before the cycle counts as failed and is tried again. Shorter than the client's own
    /// <c>message.timeout.ms</c>, so that the wait is seen while the records are still on their way.
    /// </summary>
    private static readonly TimeSpan _flushTimeout = TimeSpan.FromSeconds(20);

    private KafkaProducer? _producer;

    /// <summary>Nothing is left open by a producer without transactions.</summary>
    public Task PrepareAsync(CancellationToken cancellation) => Task.CompletedTask;

    public Task BeginAsync(CancellationToken cancellation) => Task.CompletedTask;

    public void Send(OutputBuffer records, CancellationToken cancellation)
    {
        _producer ??= new KafkaProducer(settings, clientId, transactionalId: null, onFailure, logger);
        Try(producer => producer.Send(records, 0, records.Count, cancellation));
    }

    public bool IsTransactional => false;

    public Task SettleAsync(CancellationToken cancellation) => FlushAsync(cancellation);

    public Task ArriveAsync(CancellationToken cancellation) => FlushAsync(cancellation);

    public Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => FlushAsync(cancellation);

    /// <summary>What was sent stays sent: at least once.</summary>
    public Task AbandonAsync(CancellationToken cancellation) => Task.CompletedTask;

    public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) =>
        Task.FromResult(false);

    public void Dispose() => _producer?.Dispose();

    /// <summary>Blocks a thread while it waits; one per node.</summary>
    private Task FlushAsync(CancellationToken cancellation) =>
        _producer is null ? Task.CompletedTask : Task.Run(() => Try(producer => producer.Flush(_flushTimeout, cancellation)), cancellation);

    private void Try(Action<KafkaProducer> work)
    {
        try
        {
            work(_producer!);
        }
        catch (KafkaFailureException)
        {
            // What is still queued belongs to a cycle that is going to be sent again from the start.
            _producer!.Dispose();
            _producer = null;
            throw;
        }
    }
}
