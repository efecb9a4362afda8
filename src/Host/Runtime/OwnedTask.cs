using Streams.Hosting.Runtime.Actors;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// A partition this node owns: its fence, its actor, and how full its mailbox is. Shared by the consumer thread (which
/// feeds it), the actor (which drains it) and the committer (which alone touches <see cref="CommittedOffset"/>).
/// </summary>
internal sealed class OwnedTask(PartitionStart start, long lastReplay)
{
    private long _queuedBytes;
    private volatile bool _abandoned;

    public TopicPartition Partition => start.Partition;

    public long Epoch => start.Epoch;

    public long Era => start.Era;

    /// <summary>The next offset as the store holds it; <c>null</c> if nothing was ever committed. The committer's.</summary>
    public long? CommittedOffset { get; set; } = start.NextOffset;

    /// <summary>The number of the last dead letter replayed on this partition; 0 before the first. The committer's.</summary>
    public long LastReplay { get; set; } = lastReplay;

    /// <summary>Set once, before the task is fed.</summary>
    public IActorRef<TaskMessage> Actor { get; set; } = null!;

    /// <summary>Bytes waiting in the mailbox.</summary>
    public long QueuedBytes => Interlocked.Read(ref _queuedBytes);

    /// <summary>The consumer has paused the partition. The consumer thread's.</summary>
    public bool IsPaused { get; set; }

    /// <summary>The partition is no longer this node's, or it was fenced: what the task still does is thrown away.</summary>
    public bool IsAbandoned => _abandoned;

    public void Abandon() => _abandoned = true;

    public void Queued(long bytes) => Interlocked.Add(ref _queuedBytes, bytes);

    public void Dequeued(long bytes) => Interlocked.Add(ref _queuedBytes, -bytes);
}
