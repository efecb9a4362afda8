namespace Clickstream;

/// <summary>What the demo shows, as of one moment.</summary>
internal sealed record DemoState
{
    /// <summary>The time since the first click.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>When it ends; <c>null</c> when somebody has to end it.</summary>
    public required TimeSpan? Length { get; init; }

    /// <summary>What is being done once there is no more traffic; <c>null</c> while there is.</summary>
    public required string? Ending { get; init; }

    /// <summary>What keeps the node from its work; <c>null</c> when it is ready.</summary>
    public required string? NotReady { get; init; }

    public required long ClicksSent { get; init; }

    public required double ClicksPerSecond { get; init; }

    /// <summary>Errors in the topic.</summary>
    public required long Errors { get; init; }

    public required double ErrorsPerSecond { get; init; }

    /// <summary>What the tables held a moment ago; <c>null</c> when they were not read yet.</summary>
    public required TableCounts? Tables { get; init; }

    public required IReadOnlyList<TopPath> Top { get; init; }

    public required long Late { get; init; }

    /// <summary>Clicks that the node has committed.</summary>
    public required long Committed { get; init; }

    /// <summary>
    /// Clicks on their way. The demo's own count: what a consumer knows of its lag is as old as its last fetch, and the embedded
    /// Kafka answers those late.
    /// </summary>
    public long Lag => Math.Max(0, ClicksSent - Committed);

    public required TimeSpan? LatencyMedian { get; init; }

    public required TimeSpan? Latency99 { get; init; }

    public required TimeSpan Commit { get; init; }

    public required long WarningCount { get; init; }

    public required IReadOnlyList<string> Warnings { get; init; }
}
