using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>Another node owns these partitions now. The tasks let go at once; nothing of theirs was written.</summary>
internal sealed class FencedException(IReadOnlyList<TopicPartition> partitions)
    : Exception($"Another node took over {string.Join(", ", partitions)}; this node lets go of them.")
{
    public IReadOnlyList<TopicPartition> Partitions { get; } = partitions;
}

/// <summary>The connection broke while COMMIT was under way: it may or may not have happened.</summary>
internal sealed class CommitOutcomeUnknownException(Exception inner)
    : Exception("The connection broke during COMMIT; the offset rows will say whether it took place.", inner);

/// <summary>The log's transaction failed while it was being committed: it may or may not have taken place.</summary>
internal sealed class LogOutcomeUnknownException(Exception inner)
    : Exception($"Kafka did not say whether the transaction was committed ({inner.Message}); the group's offsets will.", inner);

/// <summary>A table, or what is in it, is not what the topology needs. The message says what differs and how to mend it.</summary>
public sealed class SchemaMismatchException : Exception
{
    internal SchemaMismatchException(string message) : base(message) { }
}

/// <summary>A part of the node failed beyond repair.</summary>
internal sealed class NodeFailedException(Exception inner) : Exception(inner.Message, inner);

/// <summary>Another node took partitions over that the group still gives to this one.</summary>
internal sealed class PartitionsStuckException(IReadOnlyList<TopicPartition> partitions) : Exception(
    $"Another node has taken over {string.Join(", ", partitions)}, but the consumer group still gives them to this node, so nobody here works on them. "
    + "Look for a second application with the same Streams:ApplicationId and PostgreSQL database but another Kafka cluster. This node stops; when it is started again, it takes the partitions back.");
