namespace Streams.Hosting.Topologies;

/// <summary>One difference between the topology that was applied and the one that is declared.</summary>
/// <param name="Subject">What changed: <c>table "clickstream"."error_counts"</c>, <c>topic errors</c>.</param>
/// <param name="Text">How, and what follows.</param>
/// <param name="IsCompatible">Whether a node applies it at its start; otherwise it refuses to start.</param>
public sealed record TopologyChange(string Subject, string Text, bool IsCompatible)
{
    /// <summary>The change in one line.</summary>
    public override string ToString() => $"{Subject}: {Text}";

    internal static TopologyChange Compatible(string subject, string text) => new(subject, text, true);

    internal static TopologyChange Incompatible(string subject, string text) => new(subject, text, false);
}
