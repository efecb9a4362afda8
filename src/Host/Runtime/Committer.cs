using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime.Actors;
using Streams.Hosting.Telemetry;
using Streams.Processors;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Runtime;

/// <summary>What the committer can be told.</summary>
internal abstract record CommitterMessage
{
    /// <summary>Time for a commit.</summary>
    /// <param name="Begun">Called when it begins: what happens from then on needs another one.</param>
    public sealed record Commit(Action Begun) : CommitterMessage;

    /// <summary>Commit what these tasks did, then forget them: their partitions are being given up.</summary>
    public sealed record Release(IReadOnlyList<OwnedTask> Tasks, TaskCompletionSource<bool> Reply) : CommitterMessage;
}

/// <summary>
/// Collects the tasks' change sets and runs commit cycles, one at a time. A cycle that fails for a passing reason is
/// tried again as it stands until it succeeds; the tasks go on meanwhile, within <see cref="NodeLoad"/>'s bound.
/// </summary>
internal sealed class Committer(
    Partitions partitions,
    CommitCycle cycle,
    IStateStore store,
    NodeHealth health,
    NodeMetrics metrics,
    Circuit circuit,
    NodeSurroundings surroundings,
    Action<IReadOnlyList<OwnedTask>> committed,
    ILogger<Committer> logger) : Actor<CommitterMessage>
{
    /// <summary>One task's change set on its way through a cycle.</summary>
    private sealed record Part(OwnedTask Task, ChangeSet Changes)
    {
        /// <summary>The task's last replay once this is committed.</summary>
        public long LastReplay => Math.Max(Task.LastReplay, Changes.Replays.Count == 0 ? 0 : Changes.Replays[^1].Number);

        public TaskCommit ToCommit() => new(Changes, Task.Epoch, Task.CommittedOffset)
        {
            Era = Task.Era, LastReplay = LastReplay, SentUpTo = Task.Sent.NextOffset,
        };
    }

    private static readonly TimeSpan _usualDuration = TimeSpan.FromSeconds(1);
    private volatile bool _isRetrying;
    private long _cycleStarted;

    /// <summary>A cycle has failed and waits to be tried again: it knows best how the store and the log are.</summary>
    public bool IsRetrying => _isRetrying;

    /// <summary>A cycle takes longer than usual: whether the store and the log are well again is for its end to say.</summary>
    public bool IsHeldUp => Interlocked.Read(ref _cycleStarted) is not 0 and var started && surroundings.Time.GetElapsedTime(started) > _usualDuration;

    public override async ValueTask ReceiveAsync(CommitterMessage message, CancellationToken stopping)
    {
        switch (message)
        {
            case CommitterMessage.Commit commit:
                commit.Begun();
                await CommitAsync([.. partitions.Running.Where(t => t.HasWork)], stopping);
                break;
            case CommitterMessage.Release release:
                await CommitAsync(release.Tasks, stopping);
                foreach (var task in release.Tasks)
                {
                    partitions.Remove(task);
                }

                release.Reply.TrySetResult(true);
                break;
        }
    }

    public override ValueTask StoppedAsync()
    {
        cycle.Dispose();
        return ValueTask.CompletedTask;
    }

    public override void Discard(CommitterMessage message)
    {
        if (message is CommitterMessage.Release release)
        {
            release.Reply.TrySetResult(false);
        }
    }

    private static async Task<List<Part>> CollectAsync(IReadOnlyCollection<OwnedTask> tasks)
    {
        OwnedTask[] asked = [.. tasks.Where(t => !t.IsAbandoned)];
        var collection = new ChangeCollection(asked.Length);
        for (var i = 0; i < asked.Length; i++)
        {
            asked[i].Actor.TellUrgently(new TaskMessage.TakeChanges(collection, i));
        }

        var parts = new List<Part>(asked.Length);
        var collected = await collection.Completed;
        for (var i = 0; i < asked.Length; i++)
        {
            if (collected[i] is not { } changes)
            {
                continue;
            }

            if (changes.IsEmpty)
            {
                asked[i].Actor.TellLazily(new TaskMessage.Recycle(changes));
            }
            else
            {
                parts.Add(new Part(asked[i], changes));
            }
        }

        parts.Sort((a, b) => a.Task.Partition.CompareTo(b.Task.Partition));
        return parts;
    }

    private async Task CommitAsync(IReadOnlyCollection<OwnedTask> tasks, CancellationToken stopping)
    {
        var parts = await CollectAsync(tasks);
        Interlocked.Exchange(ref _cycleStarted, surroundings.Time.GetTimestamp());
        try
        {
            await CommitAsync(parts, new CycleProgress(), stopping);
        }
        finally
        {
            Interlocked.Exchange(ref _cycleStarted, 0);
            _isRetrying = false;
            circuit.Succeeded();
        }
    }

    private async Task CommitAsync(List<Part> parts, CycleProgress progress, CancellationToken stopping)
    {
        var backoff = new Backoff(surroundings);
        var isUnknown = false;
        while (parts.Count > 0)
        {
            TaskCommit[] commits = [.. parts.Select(p => p.ToCommit())];
            try
            {
                var started = surroundings.Time.GetTimestamp();
                if (!isUnknown || !await store.IsCommittedAsync(commits, stopping))
                {
                    isUnknown = false;
                    metrics.HeldLocks(await cycle.RunAsync(commits, progress, stopping));
                }

                Succeeded(parts, surroundings.Time.GetElapsedTime(started));
                return;
            }
            catch (FencedException fenced)
            {
                LetGo(parts, fenced.Partitions);
            }
            catch (Exception e) when (Failures.KindOf(e) == FailureKind.Poison)
            {
                metrics.CommitFailed();
                await IsolateAsync(parts, progress, e, stopping);
                return;
            }
            catch (Exception e) when (Failures.IsTransient(e) && !stopping.IsCancellationRequested)
            {
                isUnknown |= e is CommitOutcomeUnknownException;
                Failed(e);
                await backoff.WaitAsync(stopping);
                Forget(parts, parts.Where(p => p.Task.IsAbandoned).ToHashSet());
            }
        }
    }

    /// <summary>
    /// The store refuses something in the cycle. Of several tasks each commits alone, which shows whose it is; a task that is
    /// refused alone goes back to its last commit and narrows it down.
    /// </summary>
    private async Task IsolateAsync(List<Part> parts, CycleProgress progress, Exception refusal, CancellationToken stopping)
    {
        if (parts.Count > 1)
        {
            foreach (var part in parts)
            {
                await CommitAsync([part], new CycleProgress { IsLogDone = progress.IsLogDone, HasSentTotals = progress.HasSentTotals }, stopping);
            }

            return;
        }

        var (task, changes) = parts[0];
        var reason = Failures.Describe(refusal);
        if (!IsNarrowedDown(task, changes, reason))
        {
            throw new NodeFailedException(refusal);
        }

        if (progress.IsLogDone)
        {
            // Refused by the COMMIT itself: the output of these records is in the log for good.
            task.Sent = task.Sent with { NextOffset = Math.Max(task.Sent.NextOffset, changes.NextOffset), LastReplay = parts[0].LastReplay };
        }

        partitions.Rewind(task);
        changes.Dispose();
    }

    /// <returns>False when that leads nowhere.</returns>
    private bool IsNarrowedDown(OwnedTask task, ChangeSet changes, string reason)
    {
        if (changes.Replays.Count > 0)
        {
            if (!task.ReplayIsolation.IsOn)
            {
                logger.ReplaysRefused(task.Partition, changes.Replays.Count, reason);
            }

            return task.ReplayIsolation.Refused(changes, reason);
        }

        if (task.Isolation is null)
        {
            logger.Refused(task.Partition, changes.Records, reason);
        }

        task.Isolation ??= new Isolation();
        return task.Isolation.Refused(changes, reason);
    }

    private void Succeeded(List<Part> parts, TimeSpan took)
    {
        health.Up(Dependency.Postgres);
        health.Up(Dependency.Kafka);
        metrics.CommitTook(took);
        long records = 0;
        var now = surroundings.Time.GetUtcNow().UtcDateTime;
        foreach (var part in parts)
        {
            records += part.Changes.Records;
            part.Task.LastReplay = part.LastReplay;
            part.Task.Committed(part.Changes);
            Measure(part.Changes, now);
        }

        logger.Committed(records, parts.Count, took.TotalMilliseconds);
        committed([.. parts.Select(p => p.Task)]);
        foreach (var (task, changes) in parts)
        {
            task.Actor.TellLazily(new TaskMessage.Recycle(changes));
        }
    }

    private void Measure(ChangeSet changes, DateTime now)
    {
        metrics.Committed(changes);
        foreach (var sent in changes.Outputs)
        {
            metrics.Sent(sent.Topic, sent.Count);
        }

        foreach (var rows in changes.Rows)
        {
            metrics.Wrote(rows.Table.Name, rows.Count);
        }

        foreach (var aggregate in changes.Aggregates)
        {
            metrics.Wrote(aggregate.Table.Name, aggregate.Count);
        }

        if (changes.NewestTimestampMs is { } newest)
        {
            metrics.Latency(now - DateTime.UnixEpoch.AddMilliseconds(newest));
        }

        if (changes.DeadLetters.Count > 0)
        {
            var last = changes.DeadLetters[^1];
            logger.DeadLettered(changes.DeadLetters.Count, last.Partition, last.Offset, last.Reason);
        }

        if (changes.LastSkipped is { } skipped)
        {
            logger.Skipped(changes.Skipped, skipped.Partition, skipped.Offset, skipped.Reason);
        }

        if (changes.Replays.Count > 0)
        {
            var failed = changes.Replays.Count(r => r.Failure is not null);
            metrics.Replayed(changes.Replays.Count - failed, failed);
            logger.Replayed(changes.Partition, changes.Replays.Count, failed);
        }
    }

    private void LetGo(List<Part> parts, IReadOnlyList<TopicPartition> fenced)
    {
        var gone = parts.Where(p => fenced.Contains(p.Task.Partition)).ToHashSet();
        foreach (var part in gone)
        {
            metrics.Fenced();
            partitions.Fenced(part.Task);
        }

        Forget(parts, gone);
    }

    private static void Forget(List<Part> parts, HashSet<Part> gone)
    {
        parts.RemoveAll(gone.Contains);
        foreach (var part in gone)
        {
            part.Changes.Dispose();
        }
    }

    private void Failed(Exception error)
    {
        if (error is Kafka.KafkaFailureException
            {
                Failure.Code: ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId or ErrorCode.RebalanceInProgress,
            })
        {
            // The group moved on meanwhile; all servers are there.
            logger.CommitFailed(Failures.Describe(error));
            metrics.CommitFailed();
            return;
        }

        _isRetrying = true;
        circuit.Failed();
        var dependency = error is Kafka.KafkaFailureException or LogOutcomeUnknownException ? Dependency.Kafka : Dependency.Postgres;
        if (!health.IsDown(dependency))
        {
            logger.CommitFailed(Failures.Describe(error));
        }

        health.Down(dependency, Failures.Describe(error));
        metrics.CommitFailed();
    }
}
