using Npgsql;
using Streams.Hosting.Kafka;

namespace Streams.Hosting.Runtime;

/// <summary>What a failure asks for.</summary>
internal enum FailureKind
{
    /// <summary>It passes: wait and try the same again.</summary>
    Transient,
    /// <summary>The node cannot go on; a person has to act.</summary>
    Fatal,
}

/// <summary>The one place that decides what a failure asks for.</summary>
internal static class Failures
{
    public static FailureKind KindOf(Exception error) => error switch
    {
        KafkaFailureException kafka => kafka.Failure.Kind is KafkaFailureKind.Retriable ? FailureKind.Transient : FailureKind.Fatal,
        Npgsql.PostgresException postgres => Postgres.PostgresFailures.IsTransient(postgres) ? FailureKind.Transient : FailureKind.Fatal,
        NpgsqlException or TimeoutException or IOException or System.Net.Sockets.SocketException => FailureKind.Transient,
        CommitOutcomeUnknownException => FailureKind.Transient,
        _ => FailureKind.Fatal,
    };
}
