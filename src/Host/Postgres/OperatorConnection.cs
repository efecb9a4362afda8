using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Streams.Hosting.Postgres;

/// <summary>The connections of commands and checks: outside of any pool unless asked for, with less patience than a node has, and failures in words for people.</summary>
internal static class OperatorConnection
{
    /// <summary>How long to wait where somebody sits and waits.</summary>
    public const int PatienceSeconds = 10;

    /// <summary>The application's id.</summary>
    /// <exception cref="StreamsConfigurationException">There is none, or it cannot name a schema.</exception>
    public static string Application(IConfiguration configuration)
    {
        var application = configuration[$"{StreamsOptions.Section}:{nameof(StreamsOptions.ApplicationId)}"] ?? "";
        return Identifiers.Problem(application) is { } problem
            ? throw new StreamsConfigurationException($"Streams:ApplicationId is '{application}', which cannot name a PostgreSQL schema: {problem}.")
            : application;
    }

    /// <param name="configuration">The node's configuration.</param>
    /// <param name="application">The application's id.</param>
    /// <param name="purpose">What it is for; shows in <c>pg_stat_activity.application_name</c>.</param>
    /// <param name="isPooled">For a data source that opens one connection after the other.</param>
    /// <exception cref="StreamsConfigurationException">There is no connection string, or it cannot be used.</exception>
    public static NpgsqlConnectionStringBuilder Settings(IConfiguration configuration, string application, string purpose, bool isPooled = false)
    {
        try
        {
            var settings = PostgresDataSource.Settings(
                StreamsHosting.PostgresConnection(configuration), application, purpose, StreamsHosting.PostgresLimits(configuration));
            settings.Timeout = Math.Min(settings.Timeout, PatienceSeconds);
            settings.Pooling = isPooled;

            // What does not go together, or is missing, shows only here.
            using var connection = new NpgsqlConnection(settings.ConnectionString);
            return settings;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new StreamsConfigurationException($"ConnectionStrings:Postgres cannot be read: {e.Message}");
        }
    }

    /// <summary>What failed and what to do, for who runs a command; <c>null</c> if it did not come from PostgreSQL or the way there.</summary>
    public static string? Explain(Exception exception, string application) => exception switch
    {
        PostgresException { SqlState: PostgresErrorCodes.UndefinedTable or PostgresErrorCodes.InvalidSchemaName } =>
            $"There are no tables of the application '{application}': no node of it has run on this database. Check Streams:ApplicationId and ConnectionStrings:Postgres.",
        PostgresException { SqlState: PostgresErrorCodes.UndefinedColumn } e =>
            $"The tables of the application '{application}' are of another version ({e.MessageText}). Start a node of this version: it says what differs and how to mend it.",
        PostgresException { SqlState: PostgresErrorCodes.InsufficientPrivilege } e =>
            $"The role may not do that: {e.MessageText}. docs/postgres-operator-role.sql makes a role with all the rights that commands need.",
        _ => PostgresFailures.Classify(exception)?.Message,
    };
}
