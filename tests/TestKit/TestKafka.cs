using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Streams.Hosting.Embedded;
using Streams.Hosting.Kafka.Native;
using Xunit;

namespace TestKit;

/// <summary>Which Kafka the tests run against.</summary>
public enum TestKafkaKind
{
    /// <summary>A real broker, started for this test run from <c>shared/kafka</c> beside the repository.</summary>
    Real,

    /// <summary>The broker that the environment variable STREAMS_TEST_KAFKA names; tests cannot stop it.</summary>
    External,

    /// <summary><see cref="EmbeddedKafka"/>.</summary>
    Embedded,
}

/// <summary>
/// One Kafka for all tests of an assembly: the real one where there is one, else that of STREAMS_TEST_KAFKA, else the
/// embedded one. STREAMS_TEST_KAFKA_KIND (real, external, embedded) forces one kind.
/// <code>[assembly: AssemblyFixture(typeof(TestKafka))]</code>
/// Tests take it as a constructor parameter, and name topics and groups with <see cref="UniqueName"/>. A test that breaks the
/// broker needs one of its own: <see cref="StartOwnAsync"/>.
/// </summary>
public sealed class TestKafka : IAsyncLifetime
{
    private const string AddressVariable = "STREAMS_TEST_KAFKA";
    private const string KindVariable = "STREAMS_TEST_KAFKA_KIND";

    private KafkaFolder? real;
    private EmbeddedKafka? embedded;

    /// <summary>The address for clients.</summary>
    public string BootstrapServers { get; private set; } = "";

    /// <summary>What it is.</summary>
    public TestKafkaKind Kind { get; private set; }

    /// <summary>Whether it is an Apache Kafka: what only that can show is skipped otherwise.</summary>
    public bool IsReal => Kind != TestKafkaKind.Embedded;

    /// <summary>Whether tests can stop and start it.</summary>
    public bool CanStop => Kind != TestKafkaKind.External;

    /// <summary>Whether tests can pause and kill it.</summary>
    public bool CanPause => Kind == TestKafkaKind.Real;

    /// <summary>A broker of one test's own; it must dispose it.</summary>
    public static async Task<TestKafka> StartOwnAsync()
    {
        var kafka = new TestKafka();
        await kafka.InitializeAsync();
        return kafka;
    }

    /// <summary>A name for a topic or group that no other test uses.</summary>
    public static string UniqueName(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..12]}";

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        LibRdKafka.EnsureLoaded();
        string? forced = Environment.GetEnvironmentVariable(KindVariable);
        string? script = KafkaFolder.FindScript();
        string? address = Environment.GetEnvironmentVariable(AddressVariable);
        Kind = !string.IsNullOrEmpty(forced) ? Enum.Parse<TestKafkaKind>(forced, ignoreCase: true)
            : script is not null ? TestKafkaKind.Real
            : !string.IsNullOrEmpty(address) ? TestKafkaKind.External
            : TestKafkaKind.Embedded;
        switch (Kind)
        {
            case TestKafkaKind.Real:
                real = await KafkaFolder.StartAsync(
                    script ?? throw new InvalidOperationException($"{KindVariable} asks for a real Kafka: shared/kafka beside the repository, or Java, is missing."),
                    CancellationToken.None);
                BootstrapServers = real.BootstrapServers;
                break;
            case TestKafkaKind.External:
                BootstrapServers = address ?? throw new InvalidOperationException($"{KindVariable} asks for an external Kafka: {AddressVariable} is not set.");
                break;
            default:
                embedded = EmbeddedKafka.Start();
                BootstrapServers = embedded.BootstrapServers;
                break;
        }
    }

    /// <summary>Creates a topic.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="partitions">How many partitions it has.</param>
    /// <param name="configs">Its configuration; the embedded Kafka has none, and ignores it.</param>
    public async Task CreateTopicAsync(string name, int partitions, IReadOnlyDictionary<string, string>? configs = null)
    {
        if (embedded is not null)
        {
            embedded.CreateTopic(name, partitions);
            return;
        }
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = BootstrapServers }).Build();
        await admin.CreateTopicsAsync([new TopicSpecification
        {
            Name = name,
            NumPartitions = partitions,
            ReplicationFactor = 1,
            Configs = configs?.ToDictionary(),
        }]);
    }

    /// <summary>Deletes a partition's records up to an offset, as retention would. A real broker's only.</summary>
    public async Task DeleteRecordsAsync(string topic, int partition, long before)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = BootstrapServers }).Build();
        await admin.DeleteRecordsAsync([new TopicPartitionOffset(topic, partition, before)]);
    }

    /// <summary>Deletes a topic. A real broker's only.</summary>
    public async Task DeleteTopicAsync(string topic)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = BootstrapServers }).Build();
        await admin.DeleteTopicsAsync([topic]);
    }

    /// <summary>Stops the broker in order (the embedded one refuses connections); topics and records stay.</summary>
    public async Task StopAsync()
    {
        if (embedded is not null)
        {
            embedded.GoDown();
            return;
        }
        await Real().EndAsync(ProcessSignal.Terminate);
    }

    /// <summary>Starts the broker again after <see cref="StopAsync"/> or <see cref="KillAsync"/>, and waits until it answers.</summary>
    public async Task StartAsync()
    {
        if (embedded is not null)
        {
            embedded.ComeUp();
            return;
        }
        await Real().StartAgainAsync();
    }

    /// <summary>Kills the broker (SIGKILL).</summary>
    public Task KillAsync() => Real().EndAsync(ProcessSignal.Kill);

    /// <summary>Makes the broker stand still (SIGSTOP): connections stay open and nothing is answered.</summary>
    public void Pause() => Real().Signal(ProcessSignal.Stop);

    /// <summary>Lets a paused broker go on.</summary>
    public void Resume() => Real().Signal(ProcessSignal.Continue);

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (real is not null)
        {
            await real.DisposeAsync();
        }
        if (embedded is not null)
        {
            await embedded.DisposeAsync();
        }
    }

    private KafkaFolder Real() => real ?? throw new NotSupportedException($"Tests cannot do this to a Kafka of the kind {Kind}: see CanStop and CanPause.");
}
