using System.Globalization;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using Npgsql;
using Streams.Hosting.Embedded;
using Streams.Hosting.Kafka.Native;
using TestKit;

namespace Streams.Bench;

/// <summary>The Kafka and the PostgreSQL of one run, and what they run on.</summary>
internal sealed class Servers : IAsyncDisposable
{
    /// <summary>How many partitions each topic of a benchmark has.</summary>
    public const int TopicPartitions = 8;

    /// <summary>What the embedded Kafka can hold: it drops what is beyond 5 MB in a partition.</summary>
    public const long MaxEmbeddedClicks = 160_000;

    private Servers(TestKafka kafka, EmbeddedPostgres postgres)
    {
        Kafka = kafka;
        Postgres = postgres;
    }

    public TestKafka Kafka { get; }

    public EmbeddedPostgres Postgres { get; }

    /// <summary>One word for results: real, external or embedded.</summary>
    public string KafkaKind => Kafka.Kind.ToString().ToLowerInvariant();

    /// <summary>One line that says where the numbers come from.</summary>
    public string Description => string.Create(CultureInfo.InvariantCulture,
        $"{Environment.ProcessorCount} processors ({ProcessorName()}), shared by Kafka ({KafkaName()}), PostgreSQL {Postgres.MajorVersion} and what is measured; "
        + $"{RuntimeInformation.FrameworkDescription}, librdkafka {LibRdKafka.Version}, {RuntimeInformation.OSDescription.Split('#')[0].Trim()}");

    public static async Task<Servers> StartAsync(CancellationToken cancellation)
    {
        var kafka = await TestKafka.StartOwnAsync();
        try
        {
            var postgres = await EmbeddedPostgres.StartAsync(
                new EmbeddedPostgresOptions
                {
                    Root = Path.Combine(Path.GetTempPath(), $"streams-bench-{Environment.UserName}"),
                    Temporary = true,

                    // A server that is meant for work: the defaults are for the smallest machine, and checkpoint all the time.
                    Settings = new Dictionary<string, string> { ["shared_buffers"] = "512MB", ["max_wal_size"] = "8GB" },
                },
                cancellation);
            return new Servers(kafka, postgres);
        }
        catch
        {
            await kafka.DisposeAsync();
            throw;
        }
    }

    /// <summary>Makes a node's output topics where it cannot: the embedded Kafka makes topics by itself, with a number of partitions of its own.</summary>
    public async Task CreateOutputsAsync(Clickstream.ClickstreamNames names, int partitions)
    {
        if (!Kafka.IsReal)
        {
            await Kafka.CreateTopicAsync(names.ErrorsTopic, partitions);
            await Kafka.CreateTopicAsync(names.CountsTopic, partitions);
        }
    }

    /// <summary>Drops what a benchmark has made: its schema, and its output topics where topics can be dropped.</summary>
    public async Task DropAsync(string application, IReadOnlyCollection<string> topics, CancellationToken cancellation)
    {
        await using var data = NpgsqlDataSource.Create(Postgres.ConnectionString);
        await using var drop = data.CreateCommand($"DROP SCHEMA IF EXISTS \"{application}\" CASCADE");
        await drop.ExecuteNonQueryAsync(cancellation);
        if (!Kafka.IsReal || topics.Count == 0)
        {
            return;
        }

        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = Kafka.BootstrapServers }).SetLogHandler((_, _) => { }).Build();
        var existing = admin.GetMetadata(TimeSpan.FromSeconds(10)).Topics.Select(topic => topic.Topic).ToHashSet();
        if (topics.Where(existing.Contains).ToList() is { Count: > 0 } gone)
        {
            await admin.DeleteTopicsAsync(gone);
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Kafka.DisposeAsync();
        await Postgres.DisposeAsync();
    }

    private string KafkaName() => Kafka.Kind switch
    {
        TestKafkaKind.Real => "a real broker",
        TestKafkaKind.External => "external: on another machine, or this one",
        _ => "embedded: librdkafka's own mock broker; its numbers are no measure of Kafka",
    };

    private static string ProcessorName()
    {
        const string File = "/proc/cpuinfo";
        var model = System.IO.File.Exists(File)
            ? System.IO.File.ReadLines(File).FirstOrDefault(line => line.StartsWith("model name", StringComparison.Ordinal))
            : null;
        return model is null ? RuntimeInformation.OSArchitecture.ToString() : model[(model.IndexOf(':', StringComparison.Ordinal) + 1)..].Trim();
    }
}
