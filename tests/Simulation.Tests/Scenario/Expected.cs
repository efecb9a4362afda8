using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;

namespace Simulation.Tests.Scenario;

/// <summary>The failures that a node may stop for in these runs; whatever else stops one is a fault of the node.</summary>
internal static class Expected
{
    /// <summary>Another process has taken the node's name.</summary>
    public static bool Is(Exception error) => error switch
    {
        NodeFailedException { InnerException: { } inner } => Is(inner),
        KafkaFailureException { Failure: { Fatal: true, Fenced: true } } => true,
        _ => false,
    };
}
