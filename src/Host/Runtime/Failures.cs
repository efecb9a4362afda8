using Streams.Hosting.Kafka;
using Streams.Hosting.Postgres;

namespace Streams.Hosting.Runtime;

/// <summary>What a failure asks for.</summary>
internal enum FailureKind
{
    /// <summary>It passes: wait and try the same again.</summary>
    Transient,
    /// <summary>The store refuses what some record brings: it stays, and ends with that record.</summary>
    Poison,
    /// <summary>The node cannot go on; a person has to act.</summary>
    Fatal,
}

/// <summary>The one place that decides what a failure asks for.</summary>
internal static class Failures
{
    public static FailureKind KindOf(Exception error) => error switch
    {
        LogOutcomeUnknownException => FailureKind.Transient,
        // An abortable transaction is aborted and done again; a fenced producer is replaced, and if it was fenced because this
        // node is stale, the store's fence or the group will say so.
        KafkaFailureException { Failure: { RequiresAbort: true } or { Kind: KafkaFailureKind.Transient or KafkaFailureKind.Fenced } } => FailureKind.Transient,
        KafkaFailureException => FailureKind.Fatal,
        _ => PostgresFailures.Classify(error)?.Kind switch
        {
            PostgresFailureKind.Transient => FailureKind.Transient,
            PostgresFailureKind.Poison => FailureKind.Poison,
            _ => FailureKind.Fatal,
        },
    };

    public static bool IsTransient(Exception error) => KindOf(error) == FailureKind.Transient;

    /// <summary>What happened and what to do, in words.</summary>
    public static string Describe(Exception error) => PostgresFailures.Classify(error)?.Message ?? error.Message;
}
