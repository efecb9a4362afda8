using System.Net.Sockets;
using System.Security.Authentication;
using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Hosting.Topologies;

namespace Streams.Hosting.Postgres;

/// <summary>What a failure asks for.</summary>
internal enum PostgresFailureKind
{
    /// <summary>It passes: go back to the last commit and try again.</summary>
    Transient,
    /// <summary>It stays until somebody changes something: stop and say what.</summary>
    Fatal,
    /// <summary>PostgreSQL refuses what the records hold: the same commit would fail again.</summary>
    Poison,
}

/// <summary>A failure with its kind, and in words: what happened, where, and what to do.</summary>
internal sealed record PostgresFailure(PostgresFailureKind Kind, string Message);

/// <summary>Tells the failures of PostgreSQL apart, by SQLSTATE where the server gave one.</summary>
internal static class PostgresFailures
{
    /// <summary>The failure behind an exception; <c>null</c> if it did not come from PostgreSQL or the way there.</summary>
    public static PostgresFailure? Classify(Exception exception)
    {
        ArgumentNullException.ThrowIfNull(exception);
        return exception switch
        {
            SchemaMismatchException or MissingRightsException or TopologyChangedException => new(PostgresFailureKind.Fatal, exception.Message),
            CommitOutcomeUnknownException => Transient(exception.Message),
            PostgresException e => OfServer(e),
            NpgsqlException { InnerException: PostgresException e } => OfServer(e),
            NpgsqlException { InnerException: AuthenticationException inner } => Fatal(
                $"The encrypted connection to PostgreSQL failed: {inner.Message} Check SSL Mode and Root Certificate in ConnectionStrings:Postgres."),
            NpgsqlException { IsTransient: true } => Transient($"No connection to PostgreSQL: {Reason(exception)}"),
            NpgsqlException => Fatal($"PostgreSQL cannot be used: {exception.Message} Check ConnectionStrings:Postgres."),
            OverflowException => new(PostgresFailureKind.Poison,
                $"A number in a result table is beyond what .NET can hold, so its changelog cannot be written: {exception.Message}"),
            IOException or SocketException or TimeoutException => Transient($"No connection to PostgreSQL: {Reason(exception)}"),
            _ => null,
        };
    }

    /// <summary>Whether the server itself said no and the session went on: then nothing of the transaction took place.</summary>
    public static bool IsDefinite(Exception exception) => exception is PostgresException { InvariantSeverity: "ERROR" };

    private static PostgresFailure OfServer(PostgresException e) => e.SqlState switch
    {
        PostgresErrorCodes.QueryCanceled => Transient($"A statement ran into its time limit{Where(e)}: {e.MessageText}"),
        PostgresErrorCodes.LockNotAvailable => Transient($"A lock was not free in time{Where(e)}: {e.MessageText}"),
        PostgresErrorCodes.ReadOnlySqlTransaction => Transient(
            "The PostgreSQL server is read-only: a standby, or in the middle of a failover. With several hosts in ConnectionStrings:Postgres, add Target Session Attributes=primary."),
        PostgresErrorCodes.DiskFull => Transient($"PostgreSQL's disk is full: {e.MessageText}. Free space on the server; the node goes on by itself."),
        PostgresErrorCodes.TooManyConnections => Transient(
            $"PostgreSQL has no connection free: {e.MessageText}. Raise max_connections, or lower Maximum Pool Size in ConnectionStrings:Postgres."),
        PostgresErrorCodes.InvalidSqlStatementName or PostgresErrorCodes.DuplicatePreparedStatement => Transient(
            $"A prepared statement was lost: {e.MessageText}. Behind PgBouncer in transaction mode, set Streams:Postgres:PrepareStatements to false, or max_prepared_statements there above 0."),
        PostgresErrorCodes.FeatureNotSupported when e.Routine == "RevalidateCachedQuery" => Transient(
            $"A table was changed while the node ran{Where(e)}: {e.MessageText}"),
        "25P03" => Transient("The transaction was idle for too long, and the server ended it."),
        PostgresErrorCodes.DatabaseDropped => Fatal($"The database was dropped: {e.MessageText}."),
        PostgresErrorCodes.InvalidCatalogName => Fatal(
            $"{Sentence(e)} Create it (CREATE DATABASE), or correct Database in ConnectionStrings:Postgres."),
        PostgresErrorCodes.InsufficientPrivilege => Fatal(
            $"The role may not do that{Where(e)}: {e.MessageText}. Grant it; docs/postgres-role.sql makes a role with all the rights a node needs."),
        PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.UndefinedColumn or PostgresErrorCodes.InvalidSchemaName => Fatal(
            $"A table was dropped or changed while the node ran{Where(e)}: {e.MessageText}. Start the node again: it creates what is missing and says what differs."),
        "XX001" or "XX002" => Fatal($"PostgreSQL reports damaged data{Where(e)}: {e.MessageText}."),
        _ => OfClass(e),
    };

    /// <summary>The first two characters are the class of the error.</summary>
    private static PostgresFailure OfClass(PostgresException e) => e.SqlState[..2] switch
    {
        // Connections, rolled back transactions, resources, objects in the wrong state, operators' doings, system and internal errors.
        "08" or "25" or "40" or "53" or "55" or "57" or "58" or "XX" => Transient($"PostgreSQL could not do it now{Where(e)}: {e.MessageText} ({e.SqlState})"),
        "28" => Fatal(
            $"PostgreSQL refused the login: {e.MessageText}. Check Username and Password in ConnectionStrings:Postgres, and the server's pg_hba.conf."),
        // Cardinality, values, constraints, views' check options, program limits, errors raised in triggers.
        "21" or "22" or "23" or "44" or "54" or "P0" => new(PostgresFailureKind.Poison,
            $"PostgreSQL refuses a row{Where(e)}: {e.MessageText} ({e.SqlState})"),
        _ => Fatal($"PostgreSQL refuses a statement{Where(e)}: {e.MessageText} ({e.SqlState})"),
    };

    private static PostgresFailure Transient(string message) => new(PostgresFailureKind.Transient, message);

    private static PostgresFailure Fatal(string message) => new(PostgresFailureKind.Fatal, message);

    private static string Reason(Exception e) => e.InnerException is { } inner ? $"{e.Message.TrimEnd('.')}: {inner.Message}" : e.Message;

    private static string Sentence(PostgresException e) => $"{char.ToUpperInvariant(e.MessageText[0])}{e.MessageText[1..]}.";

    /// <summary>The table, column or line that the server named, or else the statement's beginning.</summary>
    private static string Where(PostgresException e)
    {
        if (e.TableName is { } table)
        {
            return $" in {Sql.Name(e.SchemaName ?? "", table)}{(e.ColumnName is { } column ? $", column {Identifiers.Quote(column)}" : "")}{(e.ConstraintName is { } constraint ? $", constraint {Identifiers.Quote(constraint)}" : "")}";
        }

        if (e.Where is { } context && context.StartsWith("COPY ", StringComparison.Ordinal))
        {
            return $" in {context.Split('\n')[0]}";
        }

        return e.BatchCommand?.CommandText is { } statement ? $" in {Beginning(statement)}" : "";
    }

    private static string Beginning(string statement)
    {
        var end = statement.IndexOfAny(['(', '\n']);
        return end < 0 ? statement : statement[..end].TrimEnd();
    }
}
