using System.Diagnostics;
using System.Globalization;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>A node that is asked to end, and what the next one finds.</summary>
public sealed class ShutdownTests(TestKafka kafka, TestPostgres postgres)
{
    /// <summary>As long as a node may take to end, whatever it is doing.</summary>
    private static readonly TimeSpan _stopBound = TimeSpan.FromSeconds(20);

    [Fact]
    public async Task a_node_that_is_asked_to_end_commits_everything_it_processed()
    {
        await using var job = await Job.CreateAsync(kafka, postgres);

        // Without stopping, nothing would be committed for a minute.
        var node = await job.StartReadyAsync(null, ("Streams__CommitInterval", "00:01:00"));
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, new TestClicks(6, 4).Take(5_000));
        await Eventually.True(async () => await node.MetricAsync("streams_lag") >= 5_000, Patience.Long, "the node has read the records");
        Assert.Equal(0, await job.CommittedAsync());
        Assert.Equal(0, await node.StopAsync(_stopBound));
        Assert.Equal(5_000, await job.CommittedAsync());
        await Exactly.AllAsync(job);
        Assert.Equal(1, node.CountLines("has stopped; everything it finished is committed"));
    }

    [Fact]
    public async Task a_node_started_again_does_nothing_twice()
    {
        await using var job = await Job.CreateAsync(kafka, postgres);
        await using (var feed = new Feed(job, new TestClicks(7, 4), perSecond: 1_000))
        {
            var first = await job.StartReadyAsync();
            await job.WaitUntilCommittedAsync(1_000);

            // Under load: clicks keep coming, and some are read and not committed yet.
            Assert.Equal(0, await first.StopAsync(_stopBound));
            Assert.True(first.CountLines("has stopped; everything it finished is committed") == 1, first.Output);
            await feed.StopAsync();
        }

        var committed = await job.NextOffsetsAsync();
        var input = await job.ReadAsync(job.Clicks);
        var rest = input.Count - committed.Values.Sum();
        var counts = (await job.ReadAsync(job.Counts)).Count;

        var second = await job.StartReadyAsync();
        await job.WaitUntilCommittedAsync(input.Count);
        Assert.Equal(rest, await second.MetricAsync("streams_records_total"));
        Assert.Equal(0, await second.StopAsync(Patience.Short));
        Assert.All(committed, c => Assert.Equal(1, second.CountLines(string.Create(CultureInfo.InvariantCulture, $"Took over {job.Clicks}-{c.Key} from offset {c.Value},"))));
        await Exactly.AllAsync(job);

        counts = (await job.ReadAsync(job.Counts)).Count;
        var third = await job.StartReadyAsync();
        await Eventually.True(() => third.CountLines("Took over ") == 4, Patience.Long, "the node has its partitions");
        Assert.Equal(0, await third.StopAsync(Patience.Short));
        Assert.Equal(counts, (await job.ReadAsync(job.Counts)).Count);
        await Exactly.AllAsync(job);
    }

    [Fact]
    public async Task a_node_that_is_asked_to_end_while_postgres_is_away_ends_in_time_and_loses_nothing()
    {
        await using var server = await TestPostgres.StartOwnAsync(TestContext.Current.CancellationToken);
        await using var job = await Job.CreateAsync(kafka, server.ConnectionString);
        var clicks = new TestClicks(10, 4);
        var node = await job.StartReadyAsync();
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, clicks.Take(1_000));
        await job.WaitUntilCommittedAsync(1_000);
        await server.StopAsync(immediate: true);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, clicks.Take(1_000));
        await node.WaitUntilNotReadyAsync("Postgres");
        Assert.Equal(0, await node.StopAsync(_stopBound));
        Assert.Equal(1, node.CountLines("has stopped before it could commit everything; what is not committed is done again"));
        Assert.Equal(0, node.CountLines("everything it finished is committed"));

        await server.StartAgainAsync(TestContext.Current.CancellationToken);
        var next = await job.StartReadyAsync();
        await job.WaitUntilCommittedAsync(2_000);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await next.StopAsync(_stopBound));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task a_node_that_is_asked_to_end_while_kafka_is_away_ends_in_time_and_loses_nothing(bool isFrozen)
    {
        await using var broker = await TestKafka.StartOwnAsync();
        Assert.SkipUnless(broker.CanPause, "Only a broker of the test's own can be killed or frozen.");
        await using var job = await Job.CreateAsync(broker, postgres);
        var node = await job.StartReadyAsync();
        await using var feed = new Feed(job, new TestClicks(11, 4), perSecond: 500);
        await job.WaitUntilCommittedAsync(500);
        await Away();
        await node.WaitUntilNotReadyAsync("Kafka");
        Assert.Equal(0, await node.StopAsync(_stopBound));

        await Back();
        await feed.StopAsync();
        var next = await job.StartReadyAsync();
        await job.WaitUntilCommittedAsync((await job.ReadAsync(job.Clicks)).Count);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await next.StopAsync(_stopBound));

        async Task Away()
        {
            if (isFrozen)
            {
                broker.Pause();
            }
            else
            {
                await broker.KillAsync();
            }
        }

        async Task Back()
        {
            if (isFrozen)
            {
                broker.Resume();
            }
            else
            {
                await broker.StartAsync();
            }
        }
    }

    [Fact]
    public async Task kcat_reads_what_the_job_wrote()
    {
        var kcat = Environment.GetEnvironmentVariable("PATH")!.Split(':').Select(folder => Path.Combine(folder, "kcat")).FirstOrDefault(File.Exists);
        Assert.SkipWhen(kcat is null, "kcat is not installed.");
        await using var job = await Job.CreateAsync(kafka, postgres);
        await using var node = await job.StartReadyAsync();
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, new TestClicks(8, 4).Take(1_000));
        await job.WaitUntilCommittedAsync(1_000);
        Assert.Equal(0, await node.StopAsync(Patience.Short));

        using var reading = Process.Start(new ProcessStartInfo(kcat, ["-C", "-b", kafka.BootstrapServers, "-t", job.Errors, "-e", "-q", "-f", "%h\\n"])
        {
            RedirectStandardOutput = true,
        })!;
        var lines = (await reading.StandardOutput.ReadToEndAsync(TestContext.Current.CancellationToken)).Split('\n', StringSplitOptions.RemoveEmptyEntries);
        await reading.WaitForExitAsync(TestContext.Current.CancellationToken);
        Assert.Equal(0, reading.ExitCode);
        Exactly.Same(
            Recount.Of(await job.ReadAsync(job.Clicks)).Errors.Select(e => string.Create(CultureInfo.InvariantCulture, $"origin={e.Topic}-{e.Partition}@{e.Offset}")),
            lines,
            "kcat's headers");
    }
}
