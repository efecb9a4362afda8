namespace Streams.Hosting.DeadLetters;

/// <summary>How a dead letter stands.</summary>
[Flags]
public enum DeadLetterStates
{
    /// <summary>None of them.</summary>
    None = 0,

    /// <summary>It failed, and nothing has been asked for since.</summary>
    Waiting = 1,

    /// <summary>A replay is asked for and has not been done yet.</summary>
    Requested = 2,

    /// <summary>It went through when it was replayed.</summary>
    Replayed = 4,
}

/// <summary>Which dead letters are meant: those that meet every condition that is set.</summary>
public sealed record DeadLetterSelection
{
    /// <summary>These alone; empty, the default, for any.</summary>
    public IReadOnlyList<DeadLetterPosition> Positions { get; init; } = [];

    /// <summary>Those of this topic; <c>null</c>, the default, for any.</summary>
    public string? Topic { get; init; }

    /// <summary>Those of this partition number; <c>null</c>, the default, for any.</summary>
    public int? Partition { get; init; }

    /// <summary>Those whose reason holds this text, upper and lower case told apart; <c>null</c>, the default, for any.</summary>
    public string? Reason { get; init; }

    /// <summary>Those that stand so. Default: waiting or requested.</summary>
    public DeadLetterStates States { get; init; } = DeadLetterStates.Waiting | DeadLetterStates.Requested;
}
