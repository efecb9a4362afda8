using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Telemetry;

/// <summary>Every message that a node logs about itself. The Kafka client's have their own file beside the client.</summary>
internal static partial class Log
{
    [LoggerMessage(1, LogLevel.Information, "Node {Node} of application {Application} starts.")]
    public static partial void NodeStarts(this ILogger logger, string node, string application);

    [LoggerMessage(2, LogLevel.Information, "Node {Node} has stopped; everything it finished is committed.")]
    public static partial void NodeStopped(this ILogger logger, string node);

    [LoggerMessage(41, LogLevel.Warning, "Node {Node} has stopped before it could commit everything; what is not committed is done again by whoever goes on.")]
    public static partial void NodeStoppedUncommitted(this ILogger logger, string node);

    [LoggerMessage(3, LogLevel.Critical, "Node {Node} cannot go on: {Reason}")]
    public static partial void NodeFailed(this ILogger logger, Exception error, string node, string reason);

    [LoggerMessage(4, LogLevel.Information, "{Dependency}: up.")]
    public static partial void DependencyUp(this ILogger logger, Dependency dependency);

    [LoggerMessage(5, LogLevel.Warning, "{Dependency}: waiting. {Reason}")]
    public static partial void DependencyDown(this ILogger logger, Dependency dependency, string reason);

    [LoggerMessage(6, LogLevel.Information, "Took over {Partition} from offset {Offset}, epoch {Epoch}.")]
    public static partial void PartitionAcquired(this ILogger logger, TopicPartition partition, string offset, long epoch);

    [LoggerMessage(7, LogLevel.Information, "Gave up {Partition} at offset {Offset}.")]
    public static partial void PartitionReleased(this ILogger logger, TopicPartition partition, string offset);

    [LoggerMessage(8, LogLevel.Warning, "Lost {Partition}: the group went on without this node. Uncommitted work is dropped; its new owner repeats it.")]
    public static partial void PartitionLost(this ILogger logger, TopicPartition partition);

    [LoggerMessage(9, LogLevel.Warning, "Fenced off {Partition}: another node has taken it over. Nothing of this node's uncommitted work on it was written.")]
    public static partial void PartitionFenced(this ILogger logger, TopicPartition partition);

    [LoggerMessage(10, LogLevel.Warning, "A commit failed and is tried again: {Reason}")]
    public static partial void CommitFailed(this ILogger logger, string reason);

    [LoggerMessage(11, LogLevel.Warning, "Could not commit {Partition} in time before giving it up; its next owner repeats that work.")]
    public static partial void ReleasedUncommitted(this ILogger logger, TopicPartition partition);

    [LoggerMessage(12, LogLevel.Warning, "{Count} records became dead letters, the last of them {Partition}@{Offset}: {Reason}")]
    public static partial void DeadLettered(this ILogger logger, int count, TopicPartition partition, long offset, string reason);

    [LoggerMessage(18, LogLevel.Warning, "Skipped {Count} records that could not be processed, the last of them {Partition}@{Offset}: {Reason}")]
    public static partial void Skipped(this ILogger logger, int count, TopicPartition partition, long offset, string reason);

    [LoggerMessage(14, LogLevel.Warning, "PostgreSQL refuses something among {Records} records of {Partition}; they are repeated in smaller cycles until the record that is to blame is found. {Reason}")]
    public static partial void Refused(this ILogger logger, TopicPartition partition, long records, string reason);

    [LoggerMessage(15, LogLevel.Critical, "{Reason}")]
    public static partial void PartitionStranded(this ILogger logger, string reason);

    [LoggerMessage(16, LogLevel.Warning, "Commits have failed {Count} times in a row: reading pauses until one succeeds.")]
    public static partial void ReadingPauses(this ILogger logger, int count);

    [LoggerMessage(17, LogLevel.Information, "Reading goes on.")]
    public static partial void ReadingGoesOn(this ILogger logger);

    [LoggerMessage(30, LogLevel.Information, "Replayed {Count} dead letters of {Partition}; {Failed} of them failed again.")]
    public static partial void Replayed(this ILogger logger, TopicPartition partition, int count, int failed);

    [LoggerMessage(31, LogLevel.Warning, "PostgreSQL refuses something of a cycle with {Replays} replayed dead letters of {Partition}; each is repeated in a cycle of its own. {Reason}")]
    public static partial void ReplaysRefused(this ILogger logger, TopicPartition partition, int replays, string reason);

    [LoggerMessage(13, LogLevel.Debug, "Committed {Records} records of {Tasks} tasks in {Milliseconds} ms.")]
    public static partial void Committed(this ILogger logger, long records, int tasks, double milliseconds);

    [LoggerMessage(40, LogLevel.Warning, "Node {Node} has stopped while it waited. {Reason} What it had not committed is done again by whoever goes on.")]
    public static partial void NodeStoppedWaiting(this ILogger logger, string node, string reason);
}
