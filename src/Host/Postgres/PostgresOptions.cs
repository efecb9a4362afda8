namespace Streams.Hosting.Postgres;

/// <summary>
/// How long the state store waits, and how it talks to the server. Each limit is set per transaction
/// (<c>set_config(..., is_local)</c>), not per session, so that it also holds behind PgBouncer in transaction mode.
/// </summary>
internal sealed record PostgresOptions
{
    /// <summary>
    /// The longest one statement may run on the server. A cycle's rows go in a few statements of a few megabytes each, so a
    /// statement that takes this long is stuck. Default: 30 seconds. At least 1 millisecond.
    /// </summary>
    public TimeSpan StatementTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// The longest a statement may wait for one lock: for another node's commit that touches the same rows, or for the dying
    /// transaction of an earlier owner. Running out is transient. Default: 10 seconds. At least 1 millisecond.
    /// </summary>
    public TimeSpan LockTimeout { get; init; } = TimeSpan.FromSeconds(10);

    /// <summary>
    /// The longest a transaction may sit between two statements before the server ends it and frees its row locks. It bounds how
    /// long a node that was stopped or cut off in the middle of a commit can hold up the one that takes over; it must leave
    /// time for the Kafka commit that stands between the last write and COMMIT. Default: 30 seconds, below Kafka's usual
    /// session timeout of 45, so that the locks are free when the partitions move. At least 1 millisecond.
    /// </summary>
    public TimeSpan IdleInTransactionTimeout { get; init; } = TimeSpan.FromSeconds(30);

    /// <summary>
    /// How much longer than <see cref="StatementTimeout"/> the client waits for an answer, so that the server's own, more
    /// telling error comes first. After that the connection counts as broken. Default: 5 seconds.
    /// </summary>
    public TimeSpan AnswerMargin { get; init; } = TimeSpan.FromSeconds(5);

    /// <summary>
    /// Whether statements are prepared on each connection. Default: true. Turn it off behind a PgBouncer older than 1.21, or
    /// one with <c>max_prepared_statements = 0</c>, in transaction mode.
    /// </summary>
    public bool PrepareStatements { get; init; } = true;
}
