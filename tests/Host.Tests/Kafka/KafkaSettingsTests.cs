using Microsoft.Extensions.Configuration;
using Streams.Hosting.Kafka;

namespace Streams.Hosting.Tests.Kafka;

public sealed class KafkaSettingsTests
{
    private static readonly GroupMember Member = new("clickstream", "node-1");

    private static KafkaSettings From(params (string Key, string? Value)[] values) =>
        KafkaSettings.From(new ConfigurationBuilder()
            .AddInMemoryCollection(values.Select(v => KeyValuePair.Create(v.Key, v.Value)))
            .Build());

    private static string? Value(IReadOnlyList<KeyValuePair<string, string>> properties, string name)
    {
        Assert.Equal(properties.Count, properties.Select(p => p.Key).Distinct().Count());
        return properties.FirstOrDefault(p => p.Key == name).Value;
    }

    [Fact]
    public void a_broker_fills_its_answers_for_as_long_as_the_member_says_unless_a_user_says_otherwise()
    {
        var member = Member with { FetchWait = TimeSpan.FromMilliseconds(20) };
        var consumer = From(("ConnectionStrings:Kafka", "broker:9092")).Consumer(member);
        Assert.Equal(("100000", "20"), (Value(consumer, "fetch.min.bytes"), Value(consumer, "fetch.wait.max.ms")));

        consumer = From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Consumer:fetch_min_bytes", "1")).Consumer(member);
        Assert.Equal(("1", "20"), (Value(consumer, "fetch.min.bytes"), Value(consumer, "fetch.wait.max.ms")));
        Assert.Null(Value(From(("ConnectionStrings:Kafka", "broker:9092")).Consumer(Member), "fetch.min.bytes"));
    }

    [Fact]
    public void without_servers_the_message_names_the_key_and_the_variable()
    {
        var thrown = Assert.Throws<KafkaSettingsException>(() => From());
        Assert.Equal(
            "ConnectionStrings:Kafka is not set: it names Kafka's bootstrap servers, such as localhost:9092 "
            + "(as an environment variable: ConnectionStrings__Kafka).",
            thrown.Message);
    }

    [Fact]
    public void sections_override_defaults_and_the_special_ones_override_the_common_one()
    {
        var settings = From(
            ("ConnectionStrings:Kafka", "broker:9092"),
            ("Kafka:Common:reconnect.backoff.max.ms", "700"),
            ("Kafka:Common:client.id", "mine"),
            ("Kafka:Consumer:fetch.min.bytes", "100"),
            ("Kafka:Consumer:Client.Id", "reader"),
            ("Kafka:Producer:linger_ms", "50"));
        settings.Check();
        var consumer = settings.Consumer(Member);
        Assert.Equal("broker:9092", Value(consumer, "bootstrap.servers"));
        Assert.Equal("reader", Value(consumer, "client.id"));
        Assert.Equal("700", Value(consumer, "reconnect.backoff.max.ms"));
        Assert.Equal("100", Value(consumer, "fetch.min.bytes"));
        Assert.Equal("clickstream", Value(consumer, "group.id"));
        Assert.Equal("false", Value(consumer, "enable.auto.commit"));
        Assert.Equal("error", Value(consumer, "auto.offset.reset"));
        Assert.Equal("cooperative-sticky", Value(consumer, "partition.assignment.strategy"));
        Assert.Equal("10000", Value(consumer, "topic.metadata.refresh.interval.ms"));
        Assert.Null(Value(consumer, "linger.ms"));
        Assert.Null(Value(consumer, "group.instance.id"));

        var producer = settings.Producer("node-1", "clickstream-node-1");
        Assert.Equal("mine", Value(producer, "client.id"));
        Assert.Equal("50", Value(producer, "linger.ms"));
        Assert.Equal("murmur2_random", Value(producer, "partitioner"));
        Assert.Equal("true", Value(producer, "enable.idempotence"));
        Assert.Equal("clickstream-node-1", Value(producer, "transactional.id"));
        Assert.Null(Value(settings.Producer("node-1", null), "transactional.id"));
    }

    [Theory]
    [InlineData("Kafka:Consumer:enable.auto.commit", "Kafka:Consumer:enable.auto.commit cannot be set: offsets are committed with the results. Remove it.")]
    [InlineData("Kafka:Producer:enable_idempotence", "Kafka:Producer:enable_idempotence cannot be set: without it, a retry could write a record twice or out of order. Remove it.")]
    [InlineData("Kafka:Common:bootstrap.servers", "Kafka:Common:bootstrap.servers cannot be set: set ConnectionStrings:Kafka instead. Remove it.")]
    [InlineData("Kafka:Common:Group.ID", "Kafka:Common:Group.ID cannot be set: the group is the application's id: set Streams:ApplicationId. Remove it.")]
    public void what_correctness_rests_on_is_refused(string key, string message)
    {
        var thrown = Assert.Throws<KafkaSettingsException>(() => From(("ConnectionStrings:Kafka", "broker:9092"), (key, "true")));
        Assert.Equal(message, thrown.Message);
    }

    [Fact]
    public void a_key_without_a_value_says_how_to_write_it()
    {
        var thrown = Assert.Throws<KafkaSettingsException>(
            () => From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Consumer:fetch:min:bytes", "1")));
        Assert.Equal(
            "Kafka:Consumer:fetch has no value of its own: write the whole property name in one key, such as Kafka:Consumer:fetch.min.bytes.",
            thrown.Message);
    }

    [Fact]
    public void an_unknown_property_is_named_with_its_key()
    {
        var settings = From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Producer:lingre.ms", "5"));
        var thrown = Assert.Throws<KafkaSettingsException>(settings.Check);
        Assert.StartsWith("Kafka:Producer:lingre.ms: librdkafka ", thrown.Message, StringComparison.Ordinal);
        Assert.EndsWith(" has no property 'lingre.ms'. Correct the name or remove it.", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void an_impossible_value_is_named_with_its_key()
    {
        var settings = From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Common:security.protocol", "carrier_pigeon"));
        var thrown = Assert.Throws<KafkaSettingsException>(settings.Check);
        Assert.StartsWith(
            "Kafka:Common:security.protocol: librdkafka does not accept this value: Invalid value \"carrier_pigeon\"",
            thrown.Message,
            StringComparison.Ordinal);
    }

    [Fact]
    public void properties_that_do_not_go_together_are_refused()
    {
        var settings = From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Producer:max.in.flight", "50"));
        var thrown = Assert.Throws<KafkaSettingsException>(settings.Check);
        Assert.StartsWith("Kafka:Common and Kafka:Producer do not go together: ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("max.in.flight", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void large_records_may_be_allowed_for_all_clients_at_once()
    {
        From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Common:message.max.bytes", "20000000")).Check();
    }

    [Fact]
    public void secrets_do_not_show()
    {
        var text = From(
            ("ConnectionStrings:Kafka", "broker:9092"),
            ("Kafka:Common:sasl.username", "streams"),
            ("Kafka:Common:sasl.password", "hunter2"),
            ("Kafka:Common:ssl.key.password", "hunter2"),
            ("Kafka:Common:ssl.key.pem", "hunter2"),
            ("Kafka:Common:sasl.oauthbearer.client.secret", "hunter2"),
            ("Kafka:Common:sasl.oauthbearer.token.endpoint.url", "https://me:hunter2@login"),
            ("Kafka:Consumer:fetch.min.bytes", "10")).ToString();
        Assert.DoesNotContain("hunter2", text, StringComparison.Ordinal);
        Assert.Contains("ConnectionStrings:Kafka=broker:9092", text, StringComparison.Ordinal);
        Assert.Contains("Kafka:Common:sasl.username=streams", text, StringComparison.Ordinal);
        Assert.Contains("Kafka:Common:sasl.password=***", text, StringComparison.Ordinal);
        Assert.Contains("Kafka:Consumer:fetch.min.bytes=10", text, StringComparison.Ordinal);
    }

    [Fact]
    public void the_assignment_strategy_is_left_out_with_the_new_group_protocol()
    {
        var settings = From(("ConnectionStrings:Kafka", "broker:9092"), ("Kafka:Consumer:group.protocol", "consumer"));
        Assert.Null(Value(settings.Consumer(Member), "partition.assignment.strategy"));
    }
}
