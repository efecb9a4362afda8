using System.CommandLine;
using System.Net;
using System.Net.Sockets;
using Microsoft.Extensions.Configuration;
using Xunit;

namespace Clickstream.Tests;

public sealed class ProduceCommandTests
{
    private static ParseResult Parse(params string[] arguments) => new RootCommand { ProduceCommand.Create() }.Parse(["produce", .. arguments]);

    [Theory]
    [InlineData("--generate 10 --seed 3 --rate 5.5 --topic t --partitions 12 -o json")]
    [InlineData("- --bootstrap-servers a:1,b:2")]
    [InlineData("--generate 10 --start 2026-01-01T00:00:00Z")]
    [InlineData("--times now --output text")]
    [InlineData("")]
    public void a_good_command_line_is_taken(string line) =>
        Assert.Empty(Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)).Errors);

    [Theory]
    [InlineData("- --generate 10", "FILE and --generate exclude each other.")]
    [InlineData("no-such.log", "There is no file no-such.log.")]
    [InlineData("--loop", "--loop needs a FILE that can be read again.")]
    [InlineData("- --loop", "--loop needs a FILE that can be read again.")]
    [InlineData("--generate 1 --seed x", "--seed takes an integer, not x.")]
    [InlineData("--generate 99999999999999999999", "--generate takes 0 or more, not 99999999999999999999.")]
    [InlineData("--rate 0", "--rate takes a number above 0, not 0.")]
    [InlineData("--generate -1", "--generate takes 0 or more, not -1.")]
    [InlineData("--rate fast", "--rate takes a number above 0, not fast.")]
    [InlineData("--partitions 0", "--partitions takes 1 or more, not 0.")]
    [InlineData("--generate 1 --start yesterday", "--start is not a time such as 2026-01-01T00:00:00Z: yesterday")]
    public void a_bad_command_line_says_what_is_wrong(string line, string error) =>
        Assert.Equal([error], Parse(line.Split(' ')).Errors.Select(e => e.Message));

    [Fact]
    public async Task kafka_that_does_not_answer_is_an_error_that_names_the_address()
    {
        var address = $"127.0.0.1:{ClosedPort()}";
        using var sender = new ClickSender(address, "clickstream", [], TimeSpan.FromMilliseconds(500));

        var error = await Assert.ThrowsAsync<ClickSendException>(() => sender.EnsureTopicAsync(4, TestContext.Current.CancellationToken));

        Assert.StartsWith($"No Kafka broker answers at {address}: ", error.Message, StringComparison.Ordinal);
        Assert.EndsWith("say where it is with --bootstrap-servers or ConnectionStrings__Kafka.", error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task clicks_that_are_not_delivered_before_the_end_have_failed()
    {
        using var sender = new ClickSender($"127.0.0.1:{ClosedPort()}", "clickstream", []);
        await sender.SendAsync(null, [1], TestContext.Current.CancellationToken);
        await sender.SendAsync([2], [3], TestContext.Current.CancellationToken);

        await sender.CloseAsync(TimeSpan.FromMilliseconds(100));

        Assert.Equal((0, 2), (sender.Sent, sender.Failed));
        Assert.NotNull(sender.FirstFailure);
    }

    [Fact]
    public void the_command_line_wins_over_the_configuration_and_that_over_the_default()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([new("ConnectionStrings:Kafka", "configured:9092")])
            .Build();

        Assert.Equal("given:9092", configuration.BootstrapServers("given:9092"));
        Assert.Equal("configured:9092", configuration.BootstrapServers(null));
        Assert.Equal("localhost:9092", new ConfigurationBuilder().Build().BootstrapServers(null));
    }

    [Fact]
    public void librdkafka_properties_come_from_the_configuration()
    {
        var configuration = new ConfigurationBuilder()
            .AddInMemoryCollection([
                new("Kafka:Common:security_protocol", "SASL_SSL"),
                new("Kafka:Common:sasl.username", "streams"),
                new("Kafka:Producer:linger.ms", "50"),
            ])
            .Build();

        Assert.Equal(
            [new("sasl.username", "streams"), new("security.protocol", "SASL_SSL")],
            configuration.KafkaProperties("Common").OrderBy(p => p.Key, StringComparer.Ordinal));
        Assert.Equal([new("linger.ms", "50")], configuration.KafkaProperties("Producer"));
        Assert.Empty(configuration.KafkaProperties("Consumer"));
    }

    private static int ClosedPort()
    {
        using var listener = new TcpListener(IPAddress.Loopback, 0);
        listener.Start();
        return ((IPEndPoint)listener.LocalEndpoint).Port;
    }
}
