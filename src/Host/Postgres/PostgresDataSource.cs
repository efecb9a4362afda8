using Microsoft.Extensions.Logging;
using Npgsql;

namespace Streams.Hosting.Postgres;

/// <summary>Builds the pool of connections that the state store uses. What a user's connection string sets stands.</summary>
internal static class PostgresDataSource
{
    /// <summary>Every statement of the store, with room for tables: both forms of a merge, copies aside.</summary>
    private const int MaxPreparedStatements = 128;

    /// <summary>
    /// The committer's, the one that takes partitions over and the heartbeat's may be open at once; the rest is for tasks that load states,
    /// which take turns, and for connections that the server has not yet noticed to be broken.
    /// </summary>
    private const int MaxPoolSize = 5;

    /// <param name="connectionString">The user's <c>ConnectionStrings:Postgres</c>.</param>
    /// <param name="application">The application's id.</param>
    /// <param name="node">This node's name; both show in <c>pg_stat_activity.application_name</c>.</param>
    /// <param name="options">The limits.</param>
    /// <param name="loggers">Where Npgsql logs; nowhere when absent.</param>
    public static NpgsqlDataSource Create(
        string connectionString, string application, string node, PostgresOptions options, ILoggerFactory? loggers = null)
    {
        var builder = new NpgsqlDataSourceBuilder(Settings(connectionString, application, node, options).ConnectionString);
        if (loggers is not null)
        {
            builder.UseLoggerFactory(loggers);
        }

        return builder.Build();
    }

    /// <summary>The connection string with this application's defaults filled in.</summary>
    public static NpgsqlConnectionStringBuilder Settings(string connectionString, string application, string node, PostgresOptions options)
    {
        var settings = new NpgsqlConnectionStringBuilder(connectionString);
        var given = settings.Keys.Cast<string>().ToHashSet(StringComparer.OrdinalIgnoreCase);

        Default("Application Name", $"streams/{application}/{node}");
        Default("Maximum Pool Size", MaxPoolSize);
        Default("Command Timeout", Seconds(options.StatementTimeout + options.AnswerMargin));
        Default("Include Failed Batched Command", true);

        // Keep-alive by the kernel, not by Npgsql's own queries: those would also be sent within an open transaction, and a
        // node that hangs there would look busy to idle_in_transaction_session_timeout.
        Default("TCP Keepalive", true);
        Default("TCP Keepalive Time", 15);
        Default("TCP Keepalive Interval", 5);

        // Nothing is ever set for a session, so nothing needs a DISCARD ALL.
        Default("No Reset On Close", true);
        Default("Max Auto Prepare", options.PrepareStatements ? MaxPreparedStatements : 0);
        Default("Auto Prepare Min Usages", 2);
        return settings;

        void Default(string keyword, object value)
        {
            if (!given.Contains(keyword))
            {
                settings[keyword] = value;
            }
        }
    }

    private static int Seconds(TimeSpan time) => (int)Math.Ceiling(time.TotalSeconds);
}
