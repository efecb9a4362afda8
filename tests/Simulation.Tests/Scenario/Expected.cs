using Simulation.Tests.Store;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;

namespace Simulation.Tests.Scenario;

/// <summary>The failures that a node may stop for in these runs; whatever else stops one is a fault of the node.</summary>
internal static class Expected
{
    /// <summary>
    /// Another process has taken the node's name; or a takeover that was under way for long has arrived late (its node had given it up
    /// and tried again, or the group had given the node up), and raised the epoch above that of the partition's owner.
    /// </summary>
    public static bool Is(Exception error, string process, Database database) => error switch
    {
        NodeFailedException { InnerException: { } inner } => Is(inner, process, database),
        KafkaFailureException { Failure: { Fatal: true, Fenced: true } } => true,
        PartitionsStuckException stuck => database.Told.Any(t =>
            t.Key.Process == process
            && t.Value != database.Partitions[t.Key.Partition].Epoch
            && stuck.Message.Contains(t.Key.Partition.ToString(), StringComparison.Ordinal)),
        _ => false,
    };
}
