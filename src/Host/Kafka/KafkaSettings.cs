using System.Globalization;
using Microsoft.Extensions.Configuration;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Kafka;

/// <summary>
/// Where Kafka is and with which librdkafka properties to talk to it: <c>ConnectionStrings:Kafka</c>, and any property
/// under <c>Kafka:Common</c>, <c>Kafka:Consumer</c> and <c>Kafka:Producer</c>, in this order over our defaults.
/// </summary>
/// <remarks>
/// Names are librdkafka's (<c>fetch.min.bytes</c>), or the same with underscores (<c>fetch_min_bytes</c>), since shells
/// refuse dots in the names of environment variables.
/// </remarks>
internal sealed class KafkaSettings
{
    /// <summary>The configuration key of the bootstrap servers.</summary>
    public const string ServersKey = "ConnectionStrings:Kafka";

    private const string CommonKey = "Kafka:Common";
    private const string ConsumerKey = "Kafka:Consumer";
    private const string ProducerKey = "Kafka:Producer";
    private const string Redacted = "***";

    // What correctness rests on, and why it is not for a user to set.
    private static readonly Dictionary<string, string> Reserved = new(StringComparer.Ordinal)
    {
        ["bootstrap.servers"] = $"set {ServersKey} instead",
        ["metadata.broker.list"] = $"set {ServersKey} instead",
        ["group.id"] = "the group is the application's id: set Streams:ApplicationId",
        ["group.instance.id"] = "it follows from the node's name: set Streams:NodeName",
        ["enable.auto.commit"] = "offsets are committed with the results",
        ["auto.commit.enable"] = "offsets are committed with the results",
        ["enable.auto.offset.store"] = "offsets are committed with the results",
        ["auto.offset.reset"] = "a start offset that is gone must be seen, not passed over; new applications start at the earliest record",
        ["isolation.level"] = "records of aborted transactions must not be counted, nor offsets of open ones be read",
        ["enable.idempotence"] = "without it, a retry could write a record twice or out of order",
        ["acks"] = "idempotent writing needs all",
        ["request.required.acks"] = "idempotent writing needs all",
        ["transactional.id"] = "it follows from the application and the node: set Streams:ApplicationId and Streams:NodeName",
        ["delivery.report.only.error"] = "failed deliveries are what a commit waits for",
    };

    private readonly List<KeyValuePair<string, string>> _common;
    private readonly List<KeyValuePair<string, string>> _consumer;
    private readonly List<KeyValuePair<string, string>> _producer;

    /// <param name="servers">Bootstrap servers: <c>host:port</c>, comma-separated.</param>
    /// <param name="common">Properties for every client.</param>
    /// <param name="consumer">Properties for consumers.</param>
    /// <param name="producer">Properties for producers.</param>
    /// <exception cref="KafkaSettingsException">A property is reserved.</exception>
    public KafkaSettings(
        string servers,
        IEnumerable<KeyValuePair<string, string>>? common = null,
        IEnumerable<KeyValuePair<string, string>>? consumer = null,
        IEnumerable<KeyValuePair<string, string>>? producer = null)
    {
        Servers = servers;
        _common = Checked(CommonKey, common);
        _consumer = Checked(ConsumerKey, consumer);
        _producer = Checked(ProducerKey, producer);
    }

    /// <summary>The bootstrap servers.</summary>
    public string Servers { get; }

    /// <exception cref="KafkaSettingsException">The servers are missing, or a property is reserved or has no value.</exception>
    public static KafkaSettings From(IConfiguration configuration)
    {
        var servers = configuration[ServersKey];
        return string.IsNullOrWhiteSpace(servers)
            ? throw new KafkaSettingsException(
                $"{ServersKey} is not set: it names Kafka's bootstrap servers, such as localhost:9092 "
                + $"(as an environment variable: {ServersKey.Replace(":", "__", StringComparison.Ordinal)}).")
            : new(servers, Section(CommonKey), Section(ConsumerKey), Section(ProducerKey));

        IEnumerable<KeyValuePair<string, string>> Section(string key) => configuration.GetSection(key).GetChildren().Select(child =>
            KeyValuePair.Create(child.Key, child.Value ?? throw new KafkaSettingsException(
                $"{child.Path} has no value of its own: write the whole property name in one key, such as {key}:fetch.min.bytes.")));
    }

    /// <summary>Whether a property's value must not be shown.</summary>
    public static bool IsSecret(string name) =>
        name.Contains("password", StringComparison.Ordinal)
        || name.Contains("secret", StringComparison.Ordinal)
        || name.Contains("token", StringComparison.Ordinal)
        || name.Contains("credential", StringComparison.Ordinal)
        || name.Contains("jaas", StringComparison.Ordinal)
        || name.Contains("private.key", StringComparison.Ordinal)
        || name is "ssl.key.pem" or "ssl.key" or "ssl_key" or "sasl.oauthbearer.config";

    /// <summary>Whether a value looks like an address with a user and password in it.</summary>
    public static bool HidesCredentials(string value) => value.Contains('@', StringComparison.Ordinal);

    /// <summary>The properties of a consumer in <paramref name="member"/>'s group.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Consumer(GroupMember member)
    {
        var properties = Base(member.ClientId);

        properties.Override(_common);
        properties.Override(_consumer);
        PrefetchDefaults(properties);
        if (member.FetchWait is { } wait)
        {
            // A broker that answers with each record as it comes costs a request, and several threads' wakening, per record.
            properties.Default("fetch.min.bytes", "100000");
            properties.Default("fetch.wait.max.ms", wait.TotalMilliseconds.ToString("0", CultureInfo.InvariantCulture));
        }

        if (!string.Equals(properties["group.protocol"], "consumer", StringComparison.OrdinalIgnoreCase))
        {
            properties.Default("partition.assignment.strategy", "cooperative-sticky");
        }

        properties.Set("group.id", member.GroupId);
        if (member.InstanceId is not null)
        {
            properties.Set("group.instance.id", member.InstanceId);
        }

        properties.Set("enable.auto.commit", "false");
        properties.Set("enable.auto.offset.store", "false");
        properties.Set("auto.offset.reset", "error");
        properties.Set("isolation.level", "read_committed");
        return properties.Items;
    }

    /// <summary>The properties of a producer; transactional if it has an id for that.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Producer(string clientId, string? transactionalId)
    {
        var properties = Base(clientId);

        // The partitioner of Java's clients: keys land where Kafka Streams and Connect would put them.
        properties.Default("partitioner", "murmur2_random");

        // Every cycle flushes when it has handed over all it has. Sent sooner, a partition's records would be two requests; and while one
        // that is idempotent waits for the first one's answer, the library looks without a pause whether it may send the second.
        properties.Default("linger.ms", "1000");
        properties.Default("compression.type", "lz4");
        properties.Default("queue.buffering.max.kbytes", "65536");

        // How large a record may be is for the topic to say (max.message.bytes), not for this client.
        properties.Default("message.max.bytes", "16777216");
        if (transactionalId is not null)
        {
            // What a crashed node left open keeps read_committed consumers waiting for so long; its restart ends it sooner.
            properties.Default("transaction.timeout.ms", "15000");
        }

        properties.Override(_common);
        properties.Override(_producer);
        properties.Set("enable.idempotence", "true");
        properties.Set("delivery.report.only.error", "true");
        if (transactionalId is not null)
        {
            properties.Set("transactional.id", transactionalId);
        }

        return properties.Items;
    }

    /// <summary>The properties of an administration client.</summary>
    public IReadOnlyList<KeyValuePair<string, string>> Admin(string clientId)
    {
        var properties = Base(clientId);
        properties.Override(_common);
        return properties.Items;
    }

    /// <summary>Lets librdkafka check every property, and whether they go together; connects nowhere.</summary>
    /// <exception cref="KafkaSettingsException">One is unknown or has an impossible value; the message names its key.</exception>
    public void Check()
    {
        NativeConfig.Try(NativeMethods.TypeConsumer, Consumer(new("check", "check")), Origin, $"{CommonKey} and {ConsumerKey}");
        NativeConfig.Try(NativeMethods.TypeProducer, Producer("check", "check"), Origin, $"{CommonKey} and {ProducerKey}");
    }

    /// <summary>Which configuration key a property came from, for messages.</summary>
    public string Origin(string name) =>
        Has(_consumer, name) ? $"{ConsumerKey}:{name}"
        : Has(_producer, name) ? $"{ProducerKey}:{name}"
        : Has(_common, name) ? $"{CommonKey}:{name}"
        : name is "bootstrap.servers" ? ServersKey
        : name;

    /// <summary>For logs: what a user has set, without secrets.</summary>
    public override string ToString()
    {
        var parts = new List<string> { $"{ServersKey}={Servers}" };
        foreach (var (section, properties) in new[] { (CommonKey, _common), (ConsumerKey, _consumer), (ProducerKey, _producer) })
        {
            parts.AddRange(properties.Select(p =>
                $"{section}:{p.Key}={(IsSecret(p.Key) || HidesCredentials(p.Value) ? Redacted : p.Value)}"));
        }

        return string.Join("; ", parts);
    }

    private static bool Has(List<KeyValuePair<string, string>> properties, string name) => properties.Exists(p => p.Key == name);

    private static List<KeyValuePair<string, string>> Checked(string section, IEnumerable<KeyValuePair<string, string>>? properties)
    {
        var list = new List<KeyValuePair<string, string>>();
        foreach (var (key, value) in properties ?? [])
        {
            var name = Normal(key);
            if (Reserved.TryGetValue(name, out var reason))
            {
                throw new KafkaSettingsException($"{section}:{key} cannot be set: {reason}. Remove it.");
            }

            list.Add(new(name, value));
        }

        return list;
    }

    private static string Normal(string key)
    {
        // librdkafka's names are lower-case; configuration keys are not case-sensitive.
        var name = string.Create(key.Length, key, static (to, from) => from.AsSpan().ToLowerInvariant(to));
        return name.Contains('.', StringComparison.Ordinal) ? name : name.Replace('_', '.');
    }

    private Properties Base(string clientId)
    {
        var properties = new Properties();
        properties.Set("bootstrap.servers", Servers);
        properties.Default("client.id", clientId);

        // Brokers come back sooner than after librdkafka's ten seconds, and they close idle connections without any harm.
        properties.Default("reconnect.backoff.max.ms", "2000");
        properties.Default("log.connection.close", "false");

        // Added partitions are noticed at the next look, and so is, at the latest, that a broker which has come back leads its partitions
        // again. librdkafka would look every five minutes.
        properties.Default("topic.metadata.refresh.interval.ms", "10000");

        // From 2.11 on, a client whose brokers are all away forgets them and begins with the bootstrap servers again, without any
        // pause: some thirty failed connections a second. What waits for a forgotten broker then waits forever, such as the
        // offsets of a transaction. Without it the brokers it knows are tried again all the same.
        properties.Default("metadata.recovery.strategy", "none");
        return properties;
    }

    /// <summary>How far the fetcher reads ahead: enough to be never waited for, little enough to stay under some 100 MB.</summary>
    private static void PrefetchDefaults(Properties properties)
    {
        // A record costs the library some 350 bytes on top of its own, so they are bounded by number as well as by size.
        // Past either bound, the fetcher looks again after the backoff. Libraries before 2.2 wait for a fixed second: there
        // the queue must last for one, and a backlog is read at 200,000 records a second at most.
        var (records, kilobytes) = NativeConfig.Knows("fetch.queue.backoff.ms", "5") ? ("20000", "16384") : ("200000", "49152");
        properties.Default("queued.min.messages", records);
        properties.Default("queued.max.messages.kbytes", kilobytes);
        properties.Default("fetch.queue.backoff.ms", "5");

        // One answer may overshoot those bounds, and grows several times when it is decompressed. The library wants it to be
        // no smaller than message.max.bytes.
        const int FetchBytes = 4 * 1024 * 1024;
        if (!long.TryParse(properties["message.max.bytes"], CultureInfo.InvariantCulture, out var recordBytes) || recordBytes <= FetchBytes)
        {
            properties.Default("fetch.max.bytes", FetchBytes.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>Properties in the order of their first appearance; later values replace earlier ones.</summary>
    private sealed class Properties
    {
        public List<KeyValuePair<string, string>> Items { get; } = [];

        public string? this[string name] => Items.Find(p => p.Key == name).Value;

        public void Set(string name, string value)
        {
            // At the end, so that it also counts over an alias of the same property.
            Items.RemoveAll(p => p.Key == name);
            Items.Add(new(name, value));
        }

        /// <summary>Sets what nobody has set, if the library has it.</summary>
        public void Default(string name, string value)
        {
            if (this[name] is null && NativeConfig.Knows(name, value))
            {
                Items.Add(new(name, value));
            }
        }

        public void Override(IEnumerable<KeyValuePair<string, string>> values)
        {
            foreach (var (name, value) in values)
            {
                Set(name, value);
            }
        }
    }
}
