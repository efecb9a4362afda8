using Streams.Hosting.Topologies;

namespace Streams.Hosting.Postgres;

/// <summary>What a node would find in the database.</summary>
/// <param name="Version">The server's version.</param>
/// <param name="Database">The database.</param>
/// <param name="Role">The role that is logged in.</param>
/// <param name="Tables">How many tables the node needs.</param>
/// <param name="Missing">Which of them do not exist yet, and which of their columns.</param>
/// <param name="Topology">How the topology differs from the one that was applied.</param>
/// <param name="SchemaProblem">How server or tables differ from what they must be, and the statements that would mend it; <c>null</c> when nothing does.</param>
/// <param name="RightsProblem">Which rights are missing, and the statements that would grant them; <c>null</c> when none is.</param>
internal sealed record SchemaReport(
    string Version,
    string Database,
    string Role,
    int Tables,
    IReadOnlyList<string> Missing,
    TopologyDifference Topology,
    string? SchemaProblem,
    string? RightsProblem);
