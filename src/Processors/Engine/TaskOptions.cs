namespace Streams.Processors;

/// <summary>What happens to a record that cannot be decoded or whose processing throws.</summary>
public enum ErrorPolicy
{
    /// <summary>It goes to the table <c>dead_letters</c> with its reason and its raw bytes; the records around it go through.</summary>
    DeadLetter,
    /// <summary>It is counted, logged and passed over; nothing of it is kept.</summary>
    Skip,
    /// <summary>The node stops there, with exit code 1. Nothing after it is processed.</summary>
    Stop,
}

/// <summary>Limits that a task holds records to.</summary>
internal sealed record TaskOptions
{
    public ErrorPolicy OnError { get; init; } = ErrorPolicy.DeadLetter;

    /// <summary>The application's id: tells its records in a repartition topic from those of others.</summary>
    public string Application { get; init; } = "";

    /// <summary>How far past wall time an event may claim to be.</summary>
    public TimeSpan MaxFuture { get; init; } = TimeSpan.FromHours(1);

    /// <summary>Key and value together, in bytes.</summary>
    public int MaxRecordBytes { get; init; } = 1024 * 1024;

    /// <summary>How much state each operator of a task keeps in memory, in bytes, roughly.</summary>
    public long StateCacheBytes { get; init; } = 16 * 1024 * 1024;
}
