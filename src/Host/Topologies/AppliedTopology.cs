using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Streams.Hosting.Postgres;

namespace Streams.Hosting.Topologies;

/// <summary>
/// The topology that the application's nodes applied last, as PostgreSQL keeps it. A node compares it with its own at every start;
/// commands compare and accept it here.
/// </summary>
/// <example><code>
/// var difference = await AppliedTopology.CompareAsync(topology, configuration);
/// Console.WriteLine(difference.Describe());
/// </code></example>
public static class AppliedTopology
{
    /// <summary>Compares a topology with the one that was applied. Changes nothing.</summary>
    /// <param name="topology">What is to run.</param>
    /// <param name="configuration">The node's configuration, as for <see cref="StreamsHosting.AddStreams"/>; Kafka's part is not read.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="StreamsConfigurationException">A setting is missing or wrong.</exception>
    /// <exception cref="AppliedTopologyException">PostgreSQL cannot be asked; the message says why and what to do.</exception>
    public static Task<TopologyDifference> CompareAsync(Topology topology, IConfiguration configuration, CancellationToken cancellation = default) =>
        RunAsync(topology, configuration, (schema, connection) => schema.CompareAsync(connection, cancellation), cancellation);

    /// <summary>
    /// Stores a topology as the one that was applied, so that nodes start with it. Tables and their rows stay as they are: rows that stand keep
    /// the meaning they had, and what comes from now on has the new one. Nodes that run keep theirs until they are started again.
    /// </summary>
    /// <param name="topology">What is to run.</param>
    /// <param name="configuration">The node's configuration, as for <see cref="StreamsHosting.AddStreams"/>; Kafka's part is not read.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The difference that was accepted.</returns>
    /// <exception cref="StreamsConfigurationException">A setting is missing or wrong.</exception>
    /// <exception cref="AppliedTopologyException">PostgreSQL cannot be asked, or has nothing to accept; the message says why and what to do.</exception>
    public static Task<TopologyDifference> AcceptAsync(Topology topology, IConfiguration configuration, CancellationToken cancellation = default) =>
        RunAsync(topology, configuration, (schema, connection) => schema.AcceptAsync(connection, cancellation), cancellation);

    private static async Task<TopologyDifference> RunAsync(
        Topology topology, IConfiguration configuration, Func<SchemaManager, NpgsqlConnection, Task<TopologyDifference>> run, CancellationToken cancellation)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(configuration);
        var application = OperatorConnection.Application(configuration);
        var settings = OperatorConnection.Settings(configuration, application, "topology");
        try
        {
            var schema = new SchemaManager(application, topology, StreamsHosting.PostgresLimits(configuration), NullLogger.Instance);
            await using var connection = new NpgsqlConnection(settings.ConnectionString);
            await connection.OpenAsync(cancellation);
            return await run(schema, connection);
        }
        catch (ArgumentException e)
        {
            throw new StreamsConfigurationException(e.Message);
        }
        catch (Exception e) when (OperatorConnection.Explain(e, application) is { } message)
        {
            throw new AppliedTopologyException($"{settings.Host}:{settings.Port}: {message}", e);
        }
    }
}

/// <summary>The applied topology could not be read or stored. The message says why, and what to do.</summary>
public sealed class AppliedTopologyException : Exception
{
    internal AppliedTopologyException(string message, Exception inner) : base(message, inner) { }
}
