using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Streams.Hosting.Embedded;
using Streams.Hosting.Kafka.Native;
using Xunit;

namespace TestKit;

/// <summary>Which Kafka the tests run against.</summary>
public enum TestKafkaKind
{
    /// <summary>A real broker, started for this test run by the script that STREAMS_TEST_KAFKA_SCRIPT names.</summary>
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
    private const short BrokersDefault = -1;
    private const int FirstBroker = 1;

    private readonly int brokers;
    private readonly bool secure;
    private KafkaFolder? real;
    private EmbeddedKafka? embedded;

    /// <summary>One broker, as most tests need it.</summary>
    public TestKafka()
        : this(brokers: 1, secure: false)
    {
    }

    private TestKafka(int brokers, bool secure)
    {
        this.brokers = brokers;
        this.secure = secure;
    }

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

    /// <summary>Whether a test can have a real Kafka of its own.</summary>
    public static bool CanStartReal => ChooseKind() == TestKafkaKind.Real;

    /// <summary>How many brokers of a real Kafka tests can stop, kill and pause; their ids count from 1.</summary>
    public int Brokers => real?.Brokers ?? 0;

    /// <summary>A Kafka of one test's own; it must dispose it.</summary>
    /// <param name="brokers">How many brokers, where it is a real one.</param>
    /// <param name="secure">Whether a real one also has a listener for SASL_SSL and access control lists: see <see cref="SecureSettings"/>.</param>
    public static async Task<TestKafka> StartOwnAsync(int brokers = 1, bool secure = false)
    {
        var kafka = new TestKafka(brokers, secure);
        await kafka.InitializeAsync();
        return kafka;
    }

    /// <summary>A name for a topic or group that no other test uses.</summary>
    public static string UniqueName(string prefix) => $"{prefix}-{Guid.NewGuid().ToString("N")[..12]}";

    /// <inheritdoc/>
    public async ValueTask InitializeAsync()
    {
        LibRdKafka.EnsureLoaded();
        Kind = ChooseKind();
        switch (Kind)
        {
            case TestKafkaKind.Real:
                real = await KafkaFolder.StartAsync(
                    KafkaFolder.FindScript() ?? throw new InvalidOperationException($"{KindVariable} asks for a real Kafka: STREAMS_TEST_KAFKA_SCRIPT names no script that runs one."),
                    brokers,
                    secure,
                    CancellationToken.None);
                BootstrapServers = real.BootstrapServers;
                break;
            case TestKafkaKind.External:
                BootstrapServers = Environment.GetEnvironmentVariable(AddressVariable) ?? throw new InvalidOperationException($"{KindVariable} asks for an external Kafka: {AddressVariable} is not set.");
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
            ReplicationFactor = BrokersDefault,
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

    /// <summary>What makes a client of the secure listener one of the user <c>streams</c>, who may do what its access control lists say.</summary>
    public IReadOnlyDictionary<string, string> SecureSettings => new Dictionary<string, string>
    {
        ["bootstrap.servers"] = Real().SecureServers,
        ["security.protocol"] = "SASL_SSL",
        ["sasl.mechanism"] = "PLAIN",
        ["sasl.username"] = "streams",
        ["sasl.password"] = "streams-secret",
        ["ssl.ca.location"] = Real().AuthorityFile,
    };

    /// <summary>Runs one of Kafka's own tools on it: <c>acls --add ...</c>.</summary>
    public Task<string> RunToolAsync(string tool, params string[] arguments) => Real().RunToolAsync(tool, arguments);

    /// <summary>Stops the broker in order (the embedded one refuses connections); topics and records stay.</summary>
    public async Task StopAsync()
    {
        if (embedded is not null)
        {
            embedded.GoDown();
            return;
        }
        await Real().EndAsync(FirstBroker, ProcessSignal.Terminate);
    }

    /// <summary>Starts a broker again after <see cref="StopAsync"/> or <see cref="KillAsync"/>, and waits until it answers.</summary>
    public async Task StartAsync(int broker = FirstBroker)
    {
        if (embedded is not null)
        {
            embedded.ComeUp();
            return;
        }
        await Real().StartAgainAsync(broker);
    }

    /// <summary>Kills a broker (SIGKILL).</summary>
    public Task KillAsync(int broker = FirstBroker) => Real().EndAsync(broker, ProcessSignal.Kill);

    /// <summary>Makes a broker stand still (SIGSTOP): connections stay open and nothing is answered.</summary>
    public void Pause(int broker = FirstBroker) => Real().Signal(broker, ProcessSignal.Stop);

    /// <summary>Lets a paused broker go on.</summary>
    public void Resume(int broker = FirstBroker) => Real().Signal(broker, ProcessSignal.Continue);

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

    private static TestKafkaKind ChooseKind() =>
        Environment.GetEnvironmentVariable(KindVariable) is { Length: > 0 } forced ? Enum.Parse<TestKafkaKind>(forced, ignoreCase: true)
            : KafkaFolder.FindScript() is not null ? TestKafkaKind.Real
            : Environment.GetEnvironmentVariable(AddressVariable) is { Length: > 0 } ? TestKafkaKind.External
            : TestKafkaKind.Embedded;

    private KafkaFolder Real() => real ?? throw new NotSupportedException($"Tests cannot do this to a Kafka of the kind {Kind}: see CanStop and CanPause.");
}
