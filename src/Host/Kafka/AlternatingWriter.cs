using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>
/// Two writers with transactional ids of their own that take turns. A broker goes on writing the markers of a transaction after it has
/// answered the commit, and meanwhile takes no record for the next one of the same id: that one would begin some 20 ms late.
/// </summary>
/// <remarks>
/// The turn changes only when a cycle is in the log for good. Until then the same writer has it, whatever fails: it settles at once what
/// became of its transaction, where the other one would have to wait for the broker. So the other one never has a transaction open.
/// <para>
/// A topic's records keep their order: all of a cycle have arrived before it is complete, and the next begins after that. So do the group's
/// offsets: of two transactions whose markers come in another order, the broker keeps the offset that was written last.
/// </para>
/// </remarks>
internal sealed class AlternatingWriter(IRecordWriter first, IRecordWriter second) : IRecordWriter
{
    private bool _isSecondsTurn;

    public bool IsTransactional => Present.IsTransactional;

    /// <summary>Both: each may have left a transaction open when it was killed.</summary>
    public Task PrepareAsync(CancellationToken cancellation) => Task.WhenAll(first.PrepareAsync(cancellation), second.PrepareAsync(cancellation));

    public Task BeginAsync(CancellationToken cancellation) => Present.BeginAsync(cancellation);

    public void Send(OutputBuffer records, CancellationToken cancellation) => Present.Send(records, cancellation);

    public Task SettleAsync(CancellationToken cancellation) => Present.SettleAsync(cancellation);

    public Task ArriveAsync(CancellationToken cancellation) => Present.ArriveAsync(cancellation);

    public async Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
    {
        await Present.CompleteAsync(inputs, cancellation);
        _isSecondsTurn = !_isSecondsTurn;
    }

    public Task AbandonAsync(CancellationToken cancellation) => Present.AbandonAsync(cancellation);

    public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => Present.IsCompleteAsync(inputs, cancellation);

    public void Dispose()
    {
        first.Dispose();
        second.Dispose();
    }

    private IRecordWriter Present => _isSecondsTurn ? second : first;
}
