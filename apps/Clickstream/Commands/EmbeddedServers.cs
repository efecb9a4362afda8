using Streams;
using Streams.Hosting.Embedded;

namespace Clickstream;

/// <summary>
/// Kafka and PostgreSQL for <c>--embedded</c>: private to this process, empty at its start and gone at its end. Kafka is so in any
/// case, and offsets kept for its topics would mean nothing at the next start.
/// </summary>
internal sealed class EmbeddedServers : IAsyncDisposable
{
    /// <summary>A folder of its own, since a fresh start empties it.</summary>
    private const string Root = ".data/demo";

    private EmbeddedServers(EmbeddedKafka kafka, EmbeddedPostgres postgres)
    {
        Kafka = kafka;
        Postgres = postgres;
    }

    public EmbeddedKafka Kafka { get; }

    public EmbeddedPostgres Postgres { get; }

    /// <summary>The settings that point an application at them.</summary>
    public Dictionary<string, string?> Settings => new()
    {
        ["ConnectionStrings:Kafka"] = Kafka.BootstrapServers,
        ["ConnectionStrings:Postgres"] = Postgres.ConnectionString,
    };

    /// <summary>Starts both.</summary>
    /// <param name="cancellation">Ends the start.</param>
    /// <exception cref="EmbeddedServerException">PostgreSQL is missing or does not start; the message says what to do.</exception>
    public static async Task<EmbeddedServers> StartAsync(CancellationToken cancellation)
    {
        var kafka = EmbeddedKafka.Start();
        try
        {
            var postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions { Temporary = true, Root = Root }, cancellation);
            return new EmbeddedServers(kafka, postgres);
        }
        catch
        {
            await kafka.DisposeAsync();
            throw;
        }
    }

    /// <summary>Creates the topics that a topology reads and writes.</summary>
    public void CreateTopics(Topology topology, int partitions)
    {
        foreach (var topic in topology.SourceTopics.Union(topology.SinkTopics))
        {
            Kafka.CreateTopic(topic, partitions);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Kafka.DisposeAsync();
        await Postgres.DisposeAsync();
    }
}
