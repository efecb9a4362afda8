using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// One commit: everything the node's tasks did since the last one, in one PostgreSQL transaction, with its outputs in
/// Kafka before that transaction ends. Nothing but this class knows the order.
/// </summary>
/// <remarks>
/// The order, and why:
/// <list type="number">
/// <item>The node's place in the group is noted, before the fence: who takes a partition over raises its epoch after the
/// group has moved on. So a cycle that passed the fence, and then lost its locks while it stood still, is refused by the group.</item>
/// <item>Forwarded records are queued to Kafka. As part of a transaction, which can take them back, they travel while PostgreSQL works.</item>
/// <item>The transaction opens, fences, and writes what is this node's alone: rows to append, dead letters. A fenced task ends it
/// here, and what was queued is aborted.</item>
/// <item>Kafka settles what it can: forwarded records arrive. They are not final yet; it is done here because the next step takes
/// locks that other nodes wait for.</item>
/// <item>Rows that nodes share are merged, and their new totals queued to the changelog topics. The rows' locks are held until
/// the commit, so that two nodes that add to one row send its totals in the order in which they were made. Totals of sessions are
/// waited for, and then PostgreSQL is asked whether the locks still stand: a total that another node has moved to another key meanwhile
/// would stay in the log for ever.</item>
/// <item>Kafka commits: records and input offsets are one transaction (exactly once), or the records are flushed (at
/// least once).</item>
/// <item>PostgreSQL commits.</item>
/// </list>
/// A crash between the last two leaves Kafka ahead. The offsets in Kafka say how far, and the next owner repeats that
/// part with its forwarded records muted. A cycle that is tried again in the same process knows it itself.
/// </remarks>
internal sealed class CommitCycle(IStateStore store, IRecordWriter writer, TimeProvider time) : IDisposable
{
    private readonly Changelog _changelog = new(time);

    /// <summary>Tries to commit. When it throws, the same may be tried again with the same progress.</summary>
    /// <returns>How long the locks of rows that nodes share were held; <c>null</c> if there were none.</returns>
    public async Task<TimeSpan?> RunAsync(IReadOnlyList<TaskCommit> tasks, CycleProgress progress, CancellationToken cancellation)
    {
        LogPosition[] inputs = [.. tasks.Select(t => t.Position)];
        if (progress.IsLogUnsure)
        {
            progress.IsLogDone = await writer.IsCompleteAsync(inputs, cancellation);
            progress.IsLogUnsure = false;
        }

        Task? settling = null;
        try
        {
            await writer.BeginAsync(cancellation);
            if (!progress.IsLogDone)
            {
                SendForwarded(tasks, cancellation);
                settling = writer.IsTransactional ? writer.SettleAsync(cancellation) : null;
            }

            long? locking = null;
            await using var transaction = await store.WriteAsync(
                tasks,
                beforeMerge: async _ =>
                {
                    await (settling ??= writer.SettleAsync(cancellation));
                    locking = time.GetTimestamp();
                },
                cancellation);
            await (settling ?? Task.CompletedTask);
            SendTotals(tasks, transaction, progress, cancellation);
            if (transaction.Gone.Count > 0)
            {
                await writer.ArriveAsync(cancellation);
                await transaction.EnsureHeldAsync(cancellation);
            }

            await writer.CompleteAsync(inputs, cancellation);
            progress.IsLogDone = writer.IsTransactional;
            await transaction.CommitAsync(cancellation);
            return locking is { } since ? time.GetElapsedTime(since) : null;
        }
        catch (LogOutcomeUnknownException)
        {
            progress.IsLogUnsure = true;
            throw;
        }
        catch
        {
            // The writer does one thing at a time; what it found wrong meanwhile shows again at the next try.
            await (settling ?? Task.CompletedTask).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            await writer.AbandonAsync(cancellation);
            throw;
        }
    }

    public void Dispose() => _changelog.Dispose();

    private void SendForwarded(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation)
    {
        foreach (var task in tasks)
        {
            foreach (var records in task.Changes.Outputs)
            {
                Send(records, cancellation);
            }
        }
    }

    private void SendTotals(IReadOnlyList<TaskCommit> tasks, ICommitTransaction transaction, CycleProgress progress, CancellationToken cancellation)
    {
        foreach (var rows in transaction.Totals)
        {
            _changelog.Send(rows, areGone: false, Send);
        }

        foreach (var rows in transaction.Gone)
        {
            _changelog.Send(rows, areGone: true, Send);
        }

        // A session's first time is part of its key. Where records are added up once more, theirs may have got an earlier one meanwhile,
        // or they are cut into other cycles: the key that was sent for them is taken back, unless it still is one.
        var isRepeated = progress.IsLogDone || progress.HasSentTotals;
        foreach (var earlier in tasks.SelectMany(t => t.Changes.Aggregates).Select(a => a.EarlierKeys(isRepeated)).OfType<RowBuffer>())
        {
            using (earlier)
            {
                _changelog.TakeBack(earlier, transaction.Totals, Send);
            }
        }

        progress.HasSentTotals |= !writer.IsTransactional;

        void Send(OutputBuffer records) => this.Send(records, cancellation);
    }

    private void Send(OutputBuffer records, CancellationToken cancellation)
    {
        if (records.Count > 0)
        {
            writer.Send(records, cancellation);
        }
    }
}

/// <summary>How far a cycle got in the log, from one try to the next.</summary>
internal sealed class CycleProgress
{
    /// <summary>The forwarded records are in the log for good: they are not sent again.</summary>
    public bool IsLogDone { get; set; }

    /// <summary>The log did not say.</summary>
    public bool IsLogUnsure { get; set; }

    /// <summary>Without transactions: totals of these deltas may be in the log.</summary>
    public bool HasSentTotals { get; set; }
}
