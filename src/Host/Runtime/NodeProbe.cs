namespace Streams.Hosting.Runtime;

/// <summary>
/// Looks once a second after what commits do not show while there is nothing to commit: whether PostgreSQL is there, and Kafka,
/// when its client has reported a loss; replays that somebody asks for; partitions that this node has and does not work on.
/// </summary>
/// <remarks>
/// Kafka's client says when it has lost all brokers, sometimes late and for one connection of several, and does not say when it has
/// found them again; so its word is a reason to look, not the answer.
/// </remarks>
internal sealed class NodeProbe(
    Committer committer,
    Partitions partitions,
    IdlePartitions idle,
    Replays replays,
    IStateStore store,
    IRecordLog log,
    NodeHealth health,
    TimeProvider time,
    Action<Exception> failed)
{
    private static readonly TimeSpan _interval = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan _stuckAfter = TimeSpan.FromMinutes(1);
    private volatile bool _isLogSuspect;

    /// <summary>The log's client reports a loss. Any thread may say so.</summary>
    public void SuspectLog() => _isLogSuspect = true;

    /// <summary>Looks until told to stop.</summary>
    public async Task RunAsync(CancellationToken stopping)
    {
        while (!stopping.IsCancellationRequested)
        {
            await Task.Delay(_interval, time, stopping)
                .ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing | ConfigureAwaitOptions.ContinueOnCapturedContext);
            if (partitions.FencedFor(_stuckAfter) is { Count: > 0 } stuck)
            {
                failed(new PartitionsStuckException(stuck));
            }

            if (stopping.IsCancellationRequested || committer.IsRetrying)
            {
                continue;
            }

            await ProbeAsync(Dependency.Postgres, BeatAsync, stopping);
            await LookAfterIdleAsync(stopping);
            if (_isLogSuspect || health.IsDown(Dependency.Kafka) || health.IsDown(Dependency.Topics))
            {
                _isLogSuspect = false;
                await ProbeAsync(Dependency.Kafka, FindTopicsAsync, stopping);
            }
        }
    }

    private async Task ProbeAsync(Dependency dependency, Func<CancellationToken, Task> probe, CancellationToken stopping)
    {
        using var limit = new CancellationTokenSource(_patience, time);
        using var either = CancellationTokenSource.CreateLinkedTokenSource(stopping, limit.Token);
        try
        {
            await probe(either.Token);
            if (!committer.IsHeldUp)
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
            health.Down(dependency, e is OperationCanceledException ? $"no answer within {_patience}" : Failures.Describe(e));
        }
    }

    private async Task BeatAsync(CancellationToken cancellation)
    {
        await store.HeartbeatAsync(cancellation);
        await replays.FindAsync(cancellation);
    }

    private async Task LookAfterIdleAsync(CancellationToken stopping)
    {
        try
        {
            await idle.LookAsync(stopping);
        }
        catch (Exception e) when (e is OperationCanceledException || Failures.IsTransient(e))
        {
            // In a second again; what is wrong with the servers, the other probes tell.
        }
        catch (Exception e)
        {
            // In a second again: a topic that is made anew, for one, is not there for a moment.
            health.Down(Dependency.Partitions, Failures.Describe(e));
        }
    }

    private async Task FindTopicsAsync(CancellationToken cancellation)
    {
        if (await log.FindMissingTopicAsync(cancellation) is { } topic)
        {
            health.Down(Dependency.Topics, $"the input topic '{topic}' does not exist any more");
            return;
        }

        health.Up(Dependency.Topics);
    }
}
