using Streams.Hosting.Runtime.Actors;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// A partition this node owns: its fence, its actor, and how full its mailbox is. Shared by the consumer thread (which
/// feeds it), the actor (which drains it) and the committer (which alone touches <see cref="CommittedOffset"/>).
/// </summary>
/// <param name="start">Where it starts, and under which epoch.</param>
/// <param name="sent">How far its output is in the log already.</param>
/// <param name="isolation">The search for records that the store refuses, if one is on.</param>
internal sealed class OwnedTask(PartitionStart start, LogPosition sent, Isolation? isolation = null)
{
    private long _queuedBytes;
    private Isolation? _isolation = isolation;
    private volatile bool _abandoned;
    private volatile bool _hasWork;
    private volatile bool _hasRequests;

    public TopicPartition Partition => start.Partition;

    public long Epoch => start.Epoch;

    public long Era => start.Era;

    /// <summary>The next offset as the store holds it; <c>null</c> if nothing was ever committed. The committer's.</summary>
    public long? CommittedOffset { get; private set; } = start.NextOffset;

    /// <summary>Stream time as the store holds it. The committer's.</summary>
    public DateTime? CommittedStreamTime { get; private set; } = start.StreamTime;

    /// <summary>
    /// How far its output was in the log when it started: forwarded output of what is below is not sent. The committer's.
    /// </summary>
    public LogPosition Sent { get; set; } = sent;

    /// <summary>The search for records that the store refuses, while one is on. Set by the committer.</summary>
    public Isolation? Isolation
    {
        get => Volatile.Read(ref _isolation);
        set => Volatile.Write(ref _isolation, value);
    }

    /// <summary>The number of the last dead letter replayed on this partition; 0 before the first. The committer's.</summary>
    public long LastReplay { get; set; } = sent.LastReplay;

    /// <summary>Forwarded output of replays up to this number was in the log when the task began.</summary>
    public long MutedReplays { get; } = sent.LastReplay;

    /// <summary>The search for replays that the store refuses.</summary>
    public ReplayIsolation ReplayIsolation { get; init; } = new();

    /// <summary>The number of the last request to replay that was handed to the task; 0 before the first. <see cref="Replays"/>'s.</summary>
    public long LastRequest { get; set; }

    /// <summary>Requests to replay wait in the mailbox.</summary>
    public bool HasRequests { get => _hasRequests; set => _hasRequests = value; }

    /// <summary>Set once, before the task is fed.</summary>
    public IActorRef<TaskMessage> Actor { get; set; } = null!;

    /// <summary>Bytes waiting in the mailbox.</summary>
    public long QueuedBytes => Interlocked.Read(ref _queuedBytes);

    /// <summary>The consumer has paused the partition. The consumer thread's.</summary>
    public bool IsPaused { get; set; }

    /// <summary>The partition is no longer this node's, or it was fenced: what the task still does is thrown away.</summary>
    public bool IsAbandoned => _abandoned;

    /// <summary>
    /// The task has changes to commit, or batches that wait for a commit: a cycle passes over the others, so that one costs
    /// nothing where nothing happened. The actor's to set.
    /// </summary>
    public bool HasWork { get => _hasWork; set => _hasWork = value; }

    public void Abandon() => _abandoned = true;

    /// <summary>A cycle was committed. The committer's.</summary>
    public void Committed(ChangeSet changes)
    {
        CommittedOffset = changes.NextOffset;
        CommittedStreamTime = changes.StreamTime;
        if (Isolation?.Committed(changes.NextOffset) == true)
        {
            Isolation = null;
        }
    }

    /// <summary>Where to start again after the last commit.</summary>
    public PartitionStart Again() => start with { NextOffset = CommittedOffset, StreamTime = CommittedStreamTime };

    public void Queued(long bytes) => Interlocked.Add(ref _queuedBytes, bytes);

    public void Dequeued(long bytes) => Interlocked.Add(ref _queuedBytes, -bytes);
}
