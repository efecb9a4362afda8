namespace Chaos.Tests;

/// <summary>How long the chaos lasts and what it works on.</summary>
internal sealed record ChaosOptions
{
    /// <summary>The nodes that are disturbed; one more comes and goes.</summary>
    public const int Nodes = 3;

    /// <summary>How many clicks are produced during the run.</summary>
    public long Events { get; init; } = 1_000_000;

    /// <summary>How long disturbances go on.</summary>
    public TimeSpan Duration { get; init; } = TimeSpan.FromMinutes(10);

    /// <summary>Decides what happens when, and what the clicks are.</summary>
    public int Seed { get; init; }

    /// <summary>How many brokers a real Kafka has.</summary>
    public int Brokers { get; init; } = 1;

    /// <summary>How many partitions the input has.</summary>
    public int Partitions { get; init; } = 6;

    /// <summary>The app's program file; the one that was built with the tests if null.</summary>
    public string? Program { get; init; }

    /// <summary>After so long without a sign of life a node's partitions are given to others.</summary>
    public static TimeSpan SessionTimeout { get; } = TimeSpan.FromSeconds(6);

    /// <summary>How long a takeover may take, from the kill to the first commit of what the killed node had.</summary>
    public static TimeSpan TakeoverBound { get; } = SessionTimeout + TimeSpan.FromSeconds(10);
}
