using Streams.Hosting.Runtime;

namespace Simulation.Tests.Scenario;

/// <summary>How nodes are wired. A wrong wiring shows that the simulation would notice.</summary>
internal sealed record Wiring
{
    public static readonly Wiring Right = new();

    public Func<IStateStore, IStateStore> Store { get; init; } = store => store;

    public Func<IRecordLog, IRecordLog> Log { get; init; } = log => log;

    public bool HasFence { get; init; } = true;
}
