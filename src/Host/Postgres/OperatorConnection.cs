using Microsoft.Extensions.Configuration;
using Npgsql;

namespace Streams.Hosting.Postgres;

/// <summary>The connections of commands and checks: one at a time, outside of any pool, and with less patience than a node has.</summary>
internal static class OperatorConnection
{
    private const int PatienceSeconds = 10;

    /// <param name="configuration">The node's configuration.</param>
    /// <param name="application">The application's id.</param>
    /// <param name="purpose">What it is for; shows in <c>pg_stat_activity.application_name</c>.</param>
    /// <exception cref="StreamsConfigurationException">There is no connection string, or it cannot be read.</exception>
    public static NpgsqlConnectionStringBuilder Settings(IConfiguration configuration, string application, string purpose)
    {
        try
        {
            var settings = PostgresDataSource.Settings(
                StreamsHosting.PostgresConnection(configuration), application, purpose, StreamsHosting.PostgresLimits(configuration));
            settings.Timeout = Math.Min(settings.Timeout, PatienceSeconds);
            settings.CommandTimeout = PatienceSeconds;
            settings.Pooling = false;
            return settings;
        }
        catch (Exception e) when (e is ArgumentException or FormatException or KeyNotFoundException)
        {
            throw new StreamsConfigurationException($"ConnectionStrings:Postgres cannot be read: {e.Message}");
        }
    }
}
