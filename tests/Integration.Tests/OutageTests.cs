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
        await node.WaitUntilNotReadyAsync("Kafka");
        await StaysAsync(node, ready: false);
        await ChangesAsync(node, "Kafka", waiting: 1, up: 0);
        await kafka.StartAsync();
        await node.WaitUntilReadyAsync();
        await job.WaitUntilCommittedAsync(Records);
        await ChangesAsync(node, "Kafka", waiting: 1, up: 1);

        await using var feed = new Feed(job, clicks, perSecond: 500);
        await job.WaitUntilCommittedAsync(Records + 500);
        await kafka.StopAsync();
        await node.WaitUntilNotReadyAsync("Kafka");
        await StaysAsync(node, ready: false);
        await ChangesAsync(node, "Kafka", waiting: 2, up: 1);
        await kafka.StartAsync();
        await node.WaitUntilReadyAsync();
        await job.WaitUntilCommittedAsync(Records + feed.Written + 1);
        var written = Records + await feed.StopAsync();
        await job.WaitUntilCommittedAsync(written);
        await ChangesAsync(node, "Kafka", waiting: 2, up: 2);
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
        await node.WaitUntilNotReadyAsync("Postgres");
        await StaysAsync(node, ready: false);
        await ChangesAsync(node, "Postgres", waiting: 1, up: 0);
        await postgres.StartAgainAsync(Cancel);
        await node.WaitUntilReadyAsync();
        await job.WaitUntilCommittedAsync(Records);
        await ChangesAsync(node, "Postgres", waiting: 1, up: 1);

        await using var feed = new Feed(job, clicks, perSecond: 500);
        await job.WaitUntilCommittedAsync(Records + 500);
        await GoAwayAsync(postgres, node, immediate: true);
        await ChangesAsync(node, "Postgres", waiting: 2, up: 2);
        await GoAwayAsync(postgres, node, immediate: false);
        await ChangesAsync(node, "Postgres", waiting: 3, up: 3);
        var written = Records + await feed.StopAsync();
        await job.WaitUntilCommittedAsync(written);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static async Task GoAwayAsync(EmbeddedPostgres postgres, Node node, bool immediate)
    {
        await postgres.StopAsync(immediate);
        await node.WaitUntilNotReadyAsync("Postgres");
        await StaysAsync(node, ready: false);
        await postgres.StartAgainAsync(Cancel);
        await node.WaitUntilReadyAsync();
    }

    /// <summary>Looks every now and then for as long as the outage is to last.</summary>
    private static async Task StaysAsync(Node node, bool ready)
    {
        using var end = new CancellationTokenSource(_outage);
        while (!end.IsCancellationRequested)
        {
            var answer = await node.ReadinessAsync();
            Assert.Equal(ready, answer?.Status == System.Net.HttpStatusCode.OK);
            await Task.Delay(TimeSpan.FromMilliseconds(200), CancellationToken.None);
        }
    }

    /// <summary>The node has said exactly so often that it waits for a server, and that the server is up.</summary>
    private static async Task ChangesAsync(Node node, string dependency, int waiting, int up)
    {
        // A state is seen a moment before its line.
        await Eventually.True(() => Count("waiting") >= waiting && Count("up") >= up, Patience.Short, $"{dependency} was waited for {waiting} times and up {up} times");
        Assert.True((waiting, up) == (Count("waiting"), Count("up")), $"{dependency}: {Count("waiting")} times waiting, {Count("up")} times up:\n{node.Output}");

        int Count(string state) => node.CountLines($"{dependency}: {state}.");
    }
}
