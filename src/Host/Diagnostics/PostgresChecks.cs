using System.Runtime.CompilerServices;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Streams.Hosting.Postgres;

namespace Streams.Hosting.Diagnostics;

/// <summary>Looks at what a node needs of PostgreSQL: a login, tables that are right or may be made, and the rights to them.</summary>
internal sealed class PostgresChecks(string connectionString, SchemaManager schema)
{
    private const string PostgresName = "PostgreSQL";
    private const string TablesName = "tables";
    private const string RightsName = "rights";
    private const string TopologyName = "applied topology";

    /// <exception cref="StreamsConfigurationException">There is no connection string, or it cannot be used.</exception>
    /// <exception cref="ArgumentException">Two tables collide.</exception>
    public static PostgresChecks From(IConfiguration configuration, Topology topology, string application)
    {
        var settings = OperatorConnection.Settings(configuration, application, "check");
        settings.CommandTimeout = OperatorConnection.PatienceSeconds;
        return new(settings.ConnectionString, new SchemaManager(application, topology, StreamsHosting.PostgresLimits(configuration), NullLogger.Instance));
    }

    /// <summary>The results where nothing can be tried.</summary>
    public static async IAsyncEnumerable<CheckResult> NotTried(string reason)
    {
        await Task.CompletedTask;
        foreach (var name in new[] { PostgresName, TopologyName, TablesName, RightsName })
        {
            yield return CheckResult.NotTried(name, reason);
        }
    }

    public async IAsyncEnumerable<CheckResult> RunAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        SchemaReport? report = null;
        string? problem = null;
        try
        {
            await using var connection = new NpgsqlConnection(connectionString);
            await connection.OpenAsync(cancellation);
            report = await schema.InspectAsync(connection, cancellation);
        }
        catch (Exception e) when (PostgresFailures.Classify(e) is not null)
        {
            problem = PostgresFailures.Classify(e)!.Message;
        }

        if (report is null)
        {
            yield return CheckResult.Wrong(PostgresName, $"{Address}: {problem}");
            await foreach (var result in NotTried("PostgreSQL is not reached").Skip(1).WithCancellation(cancellation))
            {
                yield return result;
            }

            yield break;
        }

        yield return CheckResult.Ok(PostgresName, $"{Address}: version {report.Version}, database {report.Database}, role {report.Role}");
        yield return report.Topology.IsCompatible
            ? CheckResult.Ok(TopologyName, report.Topology.Describe())
            : CheckResult.Wrong(TopologyName, report.Topology.Describe());
        yield return report.SchemaProblem is { } difference
            ? CheckResult.Wrong(TablesName, difference)
            : CheckResult.Ok(TablesName, report.Missing.Count == 0
                ? $"all {report.Tables} are there, as they must be"
                : $"the node will create {string.Join(", ", report.Missing)}");
        yield return report.RightsProblem is { } missing
            ? CheckResult.Wrong(RightsName, missing)
            : CheckResult.Ok(RightsName, report.Missing.Count == 0 ? "to all tables" : "to create what is missing");
    }

    private string Address
    {
        get
        {
            var settings = new NpgsqlConnectionStringBuilder(connectionString);
            return $"{settings.Host}:{settings.Port}";
        }
    }
}
