namespace Streams.Hosting.DeadLetters;

/// <summary>A dead letter as the table has it, without its bytes.</summary>
/// <param name="Position">Where the record came from.</param>
/// <param name="Time">When it became a dead letter (UTC).</param>
/// <param name="KafkaTime">Its Kafka timestamp (UTC), if it had one.</param>
/// <param name="Node">The node of the topology that refused it, at the last try.</param>
/// <param name="Reason">Why, at the last try, in one sentence.</param>
/// <param name="Attempts">How often it failed.</param>
/// <param name="KeyBytes">The size of its key; <c>null</c> if it has none.</param>
/// <param name="ValueBytes">The size of its value; <c>null</c> if it has none.</param>
/// <param name="RequestedAt">Since when a replay is asked for (UTC); <c>null</c> if none is.</param>
/// <param name="ReplayedAt">When it went through (UTC); <c>null</c> if it has not.</param>
public sealed record DeadLetterRow(
    DeadLetterPosition Position,
    DateTime Time,
    DateTime? KafkaTime,
    string Node,
    string Reason,
    int Attempts,
    int? KeyBytes,
    int? ValueBytes,
    DateTime? RequestedAt,
    DateTime? ReplayedAt)
{
    /// <summary>How it stands.</summary>
    public DeadLetterStates State =>
        ReplayedAt is not null ? DeadLetterStates.Replayed
        : RequestedAt is not null ? DeadLetterStates.Requested
        : DeadLetterStates.Waiting;
}

/// <summary>A dead letter with everything that is kept of it.</summary>
/// <param name="Row">What the list has, too.</param>
/// <param name="Error">Exceptions and the first frames of their stacks, where the reason alone does not explain itself.</param>
/// <param name="StreamTime">Stream time of its partition as it found it (UTC); a replay is judged by that.</param>
/// <param name="Headers">Its headers in order.</param>
/// <param name="Key">Its key; <c>null</c> for a Kafka null.</param>
/// <param name="Value">Its value; <c>null</c> for a Kafka null.</param>
public sealed record DeadLetterDetails(
    DeadLetterRow Row,
    string? Error,
    DateTime? StreamTime,
    IReadOnlyList<KeyValuePair<string, byte[]?>> Headers,
    ReadOnlyMemory<byte>? Key,
    ReadOnlyMemory<byte>? Value);

/// <summary>How many dead letters have the same reason.</summary>
/// <param name="Reason">The reason.</param>
/// <param name="Count">How many.</param>
public readonly record struct DeadLetterCount(string Reason, long Count);

/// <summary>What a selection holds.</summary>
/// <param name="Count">How many dead letters.</param>
/// <param name="Reasons">How many by reason, the most frequent first; at most 100 reasons.</param>
public sealed record DeadLetterSummary(long Count, IReadOnlyList<DeadLetterCount> Reasons);
