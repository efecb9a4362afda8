using System.Collections.Concurrent;
using System.Globalization;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Telemetry;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// The partitions this node owns, and how it comes by them and gives them up. Rebalance callbacks run on the consumer
/// thread and may block it: the group waits for them, and heartbeats go on meanwhile.
/// </summary>
/// <remarks>
/// <code>
///            Assigned                     Revoked
///   (none) ------------> owned ---------------------> released (its work committed first)
///             epoch+1      |
///                          |  Lost, or fenced at a commit
///                          +------------------------> abandoned (its uncommitted work dropped)
/// </code>
/// </remarks>
internal sealed class Partitions(
    TaskLayout layout,
    TaskOptions taskOptions,
    IStateStore store,
    StateLoader states,
    NodeLoad load,
    NodeHealth health,
    NodeSurroundings surroundings,
    ILogger<Partitions> logger) : IPartitionOwner
{
    private readonly ConcurrentDictionary<TopicPartition, OwnedTask> _owned = new();
    private readonly ConcurrentDictionary<TopicPartition, IdlePartition> _idle = new();
    private readonly ConcurrentDictionary<TopicPartition, bool> _takenBack = new();

    /// <summary>Set once, before the consumer starts: the committer, the consumer loop and the node, seen from a task.</summary>
    public required Wiring Links { get; init; }

    /// <summary>What the tasks of a node reach beyond themselves.</summary>
    /// <param name="CommitSoon">Enough has gathered; commit before the interval is over.</param>
    /// <param name="RoomMade">A mailbox has more room.</param>
    /// <param name="Rewind">Has the consumer read a task's partition again from its last commit, and start the task again.</param>
    /// <param name="Release">Commits what tasks did and forgets them; says whether that worked in time.</param>
    /// <param name="Failed">A task failed beyond repair; the node must stop.</param>
    /// <param name="SentUpTo">How far the log's transactions got, per partition: output of records below is in the log already.</param>
    /// <param name="Stopping">The node stops, whatever it waits for.</param>
    internal sealed record Wiring(
        Action CommitSoon,
        Action RoomMade,
        Action<OwnedTask> Rewind,
        Func<IReadOnlyList<OwnedTask>, bool> Release,
        Action<Exception> Failed,
        Func<IReadOnlyList<TopicPartition>, IReadOnlyList<LogPosition>> SentUpTo,
        CancellationToken Stopping);

    /// <summary>The tasks that run now, by partition.</summary>
    public IReadOnlyList<OwnedTask> Running => [.. _owned.Values.OrderBy(t => t.Partition)];

    public OwnedTask? Find(TopicPartition partition) => _owned.GetValueOrDefault(partition);

    public IReadOnlyList<(TopicPartition Partition, long? From)> Assigned(IReadOnlyList<TopicPartition> partitions)
    {
        Regrouped(partitions);
        health.Up(Dependency.Group);
        return partitions.Count == 0 ? [] : Acquire(partitions);
    }

    private IReadOnlyList<(TopicPartition Partition, long? From)> Acquire(IReadOnlyList<TopicPartition> partitions)
    {
        // The fence first: once it is raised, no earlier owner can get anything into the log's group any more either.
        var starts = Retry(Dependency.Postgres, () => Wait(store.AcquireAsync([.. partitions.Order()], Links.Stopping)));
        var sent = Retry(Dependency.Kafka, () => Links.SentUpTo(partitions)).ToDictionary(s => s.Partition);
        foreach (var start in starts)
        {
            var position = sent.GetValueOrDefault(start.Partition);
            Start(start, position.Era == start.Era ? position : position with { NextOffset = 0 });
        }

        return [.. starts.Select(s => (s.Partition, s.NextOffset))];
    }

    public void Revoked(IReadOnlyList<TopicPartition> partitions)
    {
        Regrouped(partitions);
        OwnedTask[] tasks = [.. partitions.Select(Find).OfType<OwnedTask>()];
        if (tasks.Length == 0)
        {
            return;
        }

        if (!Links.Release(tasks))
        {
            health.LeftWork();
            foreach (var task in tasks)
            {
                logger.ReleasedUncommitted(task.Partition);
            }
        }

        foreach (var task in tasks)
        {
            Remove(task);
            logger.PartitionReleased(task.Partition, Text(task.CommittedOffset));
        }
    }

    public void Lost(IReadOnlyList<TopicPartition> partitions)
    {
        Regrouped(partitions);
        foreach (var task in partitions.Select(Find).OfType<OwnedTask>())
        {
            logger.PartitionLost(task.Partition);
            health.LeftWork();
            Remove(task);
        }
    }

    /// <summary>
    /// Has a task start again after its last commit: what it did since then is dropped. It stops at once; the consumer thread
    /// starts its successor.
    /// </summary>
    public void Rewind(OwnedTask task)
    {
        task.Abandon();
        Links.Rewind(task);
    }

    /// <summary>Starts a task again. On the consumer thread, which reads its partition again from there.</summary>
    /// <returns>Where to read from; <c>null</c> when the partition has gone elsewhere meanwhile.</returns>
    public (TopicPartition Partition, long? From)? StartAgain(OwnedTask task)
    {
        if (Find(task.Partition) != task)
        {
            return null;
        }

        Start(task.Again(), task.Sent with { LastReplay = Math.Max(task.Sent.LastReplay, task.LastReplay) }, task.Isolation, task.ReplayIsolation);
        return (task.Partition, task.CommittedOffset);
    }

    /// <summary>
    /// The record that a partition is to go on with is not in the log. What its task has done until here is committed as ever.
    /// </summary>
    public void Strand(TopicPartition partition, long? offset)
    {
        if (Find(partition) is { } task)
        {
            _idle[partition] = new(partition, task.Era, surroundings.Time.GetTimestamp(), offset ?? task.CommittedOffset ?? 0);
        }
    }

    /// <summary>Takes an idle partition over anew. On the consumer thread.</summary>
    /// <returns>Where to read from; <c>null</c> when it is idle no more.</returns>
    public (TopicPartition Partition, long? From)? TakeAgain(TopicPartition partition) =>
        _idle.TryRemove(partition, out _) ? Acquire([partition])[0] : null;

    /// <summary>Lets go of a task because another node has taken its partition over.</summary>
    public void Fenced(OwnedTask task)
    {
        logger.PartitionFenced(task.Partition);
        if (Find(task.Partition) == task)
        {
            // A task that had been let go of before says nothing about its successor here.
            _idle[task.Partition] = new(task.Partition, task.Era, surroundings.Time.GetTimestamp(), MissingOffset: null);
        }

        Remove(task);
    }

    /// <summary>
    /// Partitions that this node was fenced off so long ago, and that the group has not taken away from it since: nobody in the
    /// group works on them.
    /// </summary>
    public IReadOnlyList<TopicPartition> FencedFor(TimeSpan duration) =>
        [.. _idle.Values.Where(i => i.MissingOffset is null && surroundings.Time.GetElapsedTime(i.Since) >= duration).Select(i => i.Partition)];

    /// <summary>
    /// Whether a partition that this node was fenced off may be taken back: once, until the group regroups. The fence may have been a
    /// takeover that was on its way for long, by a process that has gone or has tried again meanwhile; a second time it is an owner.
    /// </summary>
    public bool MayTakeBack(TopicPartition partition) => _takenBack.TryAdd(partition, true);

    /// <summary>Partitions that this node has and does not work on.</summary>
    public IReadOnlyList<IdlePartition> Idle => [.. _idle.Values];

    /// <summary>Lets go of a task: it stops, and what it has not committed is dropped.</summary>
    public void Remove(OwnedTask task)
    {
        task.Abandon();
        if (_owned.TryRemove(new KeyValuePair<TopicPartition, OwnedTask>(task.Partition, task)))
        {
            task.Actor.StopAsync();
        }
    }

    private void Start(PartitionStart start, LogPosition sent, Isolation? isolation = null, ReplayIsolation? replays = null)
    {
        if (_owned.TryGetValue(start.Partition, out var previous))
        {
            Remove(previous);
        }

        var owned = new OwnedTask(start, sent, isolation) { ReplayIsolation = replays ?? new ReplayIsolation() };
        var task = new StreamTask(
            layout, start.Partition, taskOptions, start.NextOffset ?? 0, start.StreamTime, muteBelow: sent.NextOffset,
            isolation?.Rejected.ToDictionary());
        var actor = new TaskActor(owned, task, load, surroundings.Time, states.LoadAsync, Links.CommitSoon, Links.RoomMade);
        owned.Actor = surroundings.Actors.Spawn(start.Partition.ToString(), actor, error => Links.Failed(error));
        _owned[start.Partition] = owned;
        logger.PartitionAcquired(start.Partition, Text(start.NextOffset), start.Epoch);
    }

    private void Regrouped(IReadOnlyList<TopicPartition> partitions)
    {
        foreach (var partition in partitions)
        {
            _idle.TryRemove(partition, out _);
            _takenBack.TryRemove(partition, out _);
        }
    }

    private T Retry<T>(Dependency dependency, Func<T> work)
    {
        var backoff = new Backoff(surroundings);
        while (true)
        {
            try
            {
                var result = work();
                health.Up(dependency);
                return result;
            }
            catch (Exception e) when (Failures.IsTransient(e) && !Links.Stopping.IsCancellationRequested)
            {
                health.Down(dependency, Failures.Describe(e));
                var pause = backoff.WaitAsync(Links.Stopping);
                surroundings.ConsumerThread.Wait(pause, Timeout.InfiniteTimeSpan);
                pause.GetAwaiter().GetResult();
            }
        }
    }

    private T Wait<T>(Task<T> task)
    {
        surroundings.ConsumerThread.Wait(task, Timeout.InfiniteTimeSpan);
        return task.GetAwaiter().GetResult();
    }

    private static string Text(long? offset) => offset?.ToString(CultureInfo.InvariantCulture) ?? "the beginning";
}
