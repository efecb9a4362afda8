namespace Streams.Processors.Testing;

/// <summary>How a <see cref="TopologyDriver"/> runs.</summary>
public sealed record TopologyDriverOptions
{
    /// <summary>Wall time at the start, UTC. Default: 2026-01-01T00:00:00Z. It moves only by <see cref="TopologyDriver.AdvanceWallClock"/>.</summary>
    public DateTime StartTime { get; init; } = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>
    /// Whether each call of <c>Pipe</c> commits by itself. Default: yes. Otherwise tables, topics and dead letters show
    /// nothing until <see cref="TopologyDriver.Commit"/>, as in production between two commit cycles.
    /// </summary>
    public bool AutoCommit { get; init; } = true;

    /// <summary>What happens to a record that fails. Default: a dead letter.</summary>
    public ErrorPolicy OnError { get; init; } = ErrorPolicy.DeadLetter;

    /// <summary>How far past wall time an event may claim to be. Default: one hour.</summary>
    public TimeSpan MaxFuture { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Key and value of a record together, in bytes. Default: 1,048,576.</summary>
    public int MaxRecordBytes { get; init; } = 1024 * 1024;
}
