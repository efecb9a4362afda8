using Simulation.Tests.Log;
using Simulation.Tests.Machine;
using Simulation.Tests.Store;
using Streams.Hosting;

namespace Simulation.Tests.Scenario;

/// <summary>What is fixed for one run; a seed chooses it.</summary>
internal sealed record Settings
{
    public required Guarantee Guarantee { get; init; }

    public required int Nodes { get; init; }

    public required int Partitions { get; init; }

    public required int Records { get; init; }

    /// <summary>How long input and faults go on.</summary>
    public required TimeSpan Duration { get; init; }

    public required TimeSpan CommitInterval { get; init; }

    /// <summary>Whether nodes have stable names: they are static members then, and a restart takes its own place back.</summary>
    public required bool AreStatic { get; init; }

    /// <summary>How much state a task keeps in memory.</summary>
    public required long StateCacheBytes { get; init; }

    public required GroupSettings Group { get; init; }

    public required TimeSpan TransactionTimeout { get; init; }

    public required StoreLimits Store { get; init; }

    /// <summary>How many faults there are, over all.</summary>
    public required int Faults { get; init; }

    /// <summary>How often somebody asks for replays.</summary>
    public required int Looks { get; init; }

    /// <summary>How unreliable calls are, from 0 to 1.</summary>
    public required double Unreliability { get; init; }

    public static Settings Of(Simulator simulator, Guarantee? guarantee = null)
    {
        var random = simulator.Random;
        return new Settings
        {
            Guarantee = guarantee ?? (random.Next(5) == 0 ? Guarantee.AtLeastOnce : Guarantee.ExactlyOnce),
            Nodes = random.Next(2, 4),
            Partitions = random.Next(2, 5),
            Records = random.Next(60, 200),
            Duration = TimeSpan.FromSeconds(random.Next(8, 25)),
            CommitInterval = TimeSpan.FromMilliseconds(random.Next(100, 700)),
            AreStatic = random.Next(2) == 0,
            StateCacheBytes = random.Next(3) == 0 ? 1_000_000 : random.Next(1_000),
            Group = new GroupSettings(
                random.Next(3) > 0, TimeSpan.FromSeconds(random.Next(3, 9)), TimeSpan.FromSeconds(1), TimeSpan.FromSeconds(20)),
            TransactionTimeout = TimeSpan.FromSeconds(random.Next(3, 15)),
            Store = new StoreLimits(TimeSpan.FromSeconds(10), TimeSpan.FromSeconds(random.Next(2, 15))),
            Faults = random.Next(0, 14),
            Looks = random.Next(0, 12),
            Unreliability = random.Next(3) == 0 ? 0 : random.NextDouble(),
        };
    }

    public override string ToString() =>
        $"{Guarantee}, {Nodes} nodes {(AreStatic ? "with" : "without")} stable names, {Partitions} partitions, {Records} records in {Duration.TotalSeconds} s, "
        + $"commits every {CommitInterval.TotalMilliseconds} ms, {(Group.IsCooperative ? "cooperative" : "eager")} group with sessions of {Group.SessionTimeout.TotalSeconds} s, "
        + $"{StateCacheBytes} bytes of state in memory, transactions of {TransactionTimeout.TotalSeconds} s, {Faults} faults, {Looks} looks at the dead letters, unreliability {Unreliability:0.00}";
}
