using Integration.Tests.Support;
using Streams.Hosting.Embedded;
using TestKit;

namespace Integration.Tests;

/// <summary>Kafka or PostgreSQL down at start, and going away while records flow.</summary>
public sealed class OutageTests(TestKafka sharedKafka, TestPostgres sharedPostgres)
{
    private const int Records = 2_000;
    private static readonly TimeSpan _outage = TimeSpan.FromSeconds(10);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task a_node_waits_for_kafka_at_start_and_whenever_it_goes_away()
    {
        await using var kafka = await TestKafka.StartOwnAsync();
        Assert.SkipUnless(kafka.CanStop, "The Kafka is somebody else's and cannot be stopped.");
        await using var job = await Job.CreateAsync(kafka, sharedPostgres);
        var clicks = new TestClicks(1, 4);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, clicks.Take(Records));
        await kafka.StopAsync();

        var node = job.Start();
        await StaysAwayAsync(node, "Kafka");
        await kafka.StartAsync();
        await node.WaitUntilReadyAsync();
        await job.WaitUntilCommittedAsync(Records);

        await using var feed = new Feed(job, clicks, perSecond: 500);
        await job.WaitUntilCommittedAsync(Records + 500);
        await kafka.StopAsync();
        await StaysAwayAsync(node, "Kafka");
        await kafka.StartAsync();
        await node.WaitUntilReadyAsync();
        await job.WaitUntilCommittedAsync(Records + feed.Written + 1);
        var written = Records + await feed.StopAsync();
        await job.WaitUntilCommittedAsync(written);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task a_node_waits_for_postgres_at_start_and_whenever_it_goes_away()
    {
        await using var postgres = await TestPostgres.StartOwnAsync(Cancel);
        await using var job = await Job.CreateAsync(sharedKafka, postgres.ConnectionString);
        var clicks = new TestClicks(2, 4);
        await TopicWriter.WriteAsync(sharedKafka.BootstrapServers, job.Clicks, clicks.Take(Records));
        await postgres.StopAsync();

        var node = job.Start();
        await StaysAwayAsync(node, "Postgres");
        await postgres.StartAgainAsync(Cancel);
        await node.WaitUntilReadyAsync();
        await job.WaitUntilCommittedAsync(Records);

        await using var feed = new Feed(job, clicks, perSecond: 500);
        await job.WaitUntilCommittedAsync(Records + 500);
        await GoAwayAsync(postgres, node, immediate: true);
        Assert.Equal((1, 1), (node.CountLines("reading pauses until one succeeds"), node.CountLines("Reading goes on.")));
        await GoAwayAsync(postgres, node, immediate: false);
        var written = Records + await feed.StopAsync();
        await job.WaitUntilCommittedAsync(written);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static async Task GoAwayAsync(EmbeddedPostgres postgres, Node node, bool immediate)
    {
        await postgres.StopAsync(immediate);
        await StaysAwayAsync(node, "Postgres");
        await postgres.StartAgainAsync(Cancel);
        await node.WaitUntilReadyAsync();
    }

    /// <summary>For as long as the outage is to last the node is not ready, and it says so once.</summary>
    private static async Task StaysAwayAsync(Node node, string dependency)
    {
        await node.WaitUntilNotReadyAsync(dependency);
        await Eventually.True(() => States().LastOrDefault() == "waiting", Patience.Short, $"the node says that it waits for {dependency}");
        var said = States().Count;
        using var end = new CancellationTokenSource(_outage);
        while (!end.IsCancellationRequested)
        {
            Assert.Equal(System.Net.HttpStatusCode.ServiceUnavailable, (await node.ReadinessAsync())?.Status);
            await Task.Delay(TimeSpan.FromMilliseconds(200), CancellationToken.None);
        }

        Assert.True(said == States().Count, node.Output);
        Assert.All(States().Zip(States().Skip(1)), pair => Assert.NotEqual(pair.First, pair.Second));

        List<string> States() =>
            [.. node.Lines.Where(l => l.Contains($" {dependency}: ", StringComparison.Ordinal)).Select(l => l.Contains(": up.", StringComparison.Ordinal) ? "up" : "waiting")];
    }
}
