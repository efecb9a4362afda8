namespace Streams.Bench;

/// <summary>What a run is asked for.</summary>
internal sealed record BenchOptions
{
    public const long DefaultClicks = 10_000_000;

    public long Clicks { get; init; } = DefaultClicks;

    public long Seed { get; init; } = 1;

    /// <summary>Names and groups; none for all.</summary>
    public IReadOnlyList<string> Only { get; init; } = [];

    /// <summary>How long <c>live-20k</c> is measured.</summary>
    public TimeSpan LiveDuration { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>How long each latency is measured.</summary>
    public TimeSpan LatencyDuration { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>How many rows of state the larger takeover has.</summary>
    public long StateRows { get; init; } = 5_000_000;

    public string? JsonFile { get; init; }

    public string? MarkdownFile { get; init; }

    /// <summary>Settings for the measured nodes, on top of the defaults of production.</summary>
    public Dictionary<string, string?> Settings { get; init; } = [];
}
