using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Two nodes with one application id.</summary>
public sealed class TwoNodesTests(TestKafka kafka, TestPostgres postgres, ITestOutputHelper output)
{
    private const int Partitions = 6;

    [Fact]
    public async Task stopping_one_of_two_nodes_hands_its_work_over()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        await using var feed = new Feed(job, new TestClicks(3, Partitions), perSecond: 500);
        var first = await job.StartReadyAsync();
        var second = await StartSecondAsync(job);

        Assert.Equal(0, await first.StopAsync(TimeSpan.FromSeconds(20)));
        await AllOwnedByOneAsync(job);
        await job.WaitUntilCommittedAsync(feed.Written + 1);
        await FinishAsync(job, feed);
        Assert.Equal(0, await second.MetricAsync("streams_partitions_fenced_total"));
        await Exactly.AllAsync(job);
    }

    [Fact]
    public async Task a_killed_node_is_taken_over_when_its_session_times_out()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        await using var feed = new Feed(job, new TestClicks(4, Partitions), perSecond: 500);
        var first = await job.StartReadyAsync();
        await StartSecondAsync(job);

        await first.KillAsync();
        await AllOwnedByOneAsync(job);
        await job.WaitUntilCommittedAsync(feed.Written + 1);
        await FinishAsync(job, feed);
        await Exactly.AllAfterCrashesAsync(job);
    }

    [Fact]
    public async Task a_node_that_stood_still_past_its_session_writes_nothing_when_it_wakes()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);

        // What a node that stands still holds is freed after these times.
        job.Settings["Streams__Postgres__IdleInTransactionTimeout"] = "00:00:05";
        await using var feed = new Feed(job, new TestClicks(5, Partitions), perSecond: 500);
        var first = await job.StartReadyAsync();
        var second = await StartSecondAsync(job);
        foreach (var (sleeper, other) in new[] { (first, second), (second, first) })
        {
            sleeper.Signal(ProcessSignal.Stop);
            await AllOwnedByOneAsync(job);
            await job.WaitUntilCommittedAsync(feed.Written + 1);
            sleeper.Signal(ProcessSignal.Continue);
            await Eventually.True(
                () => sleeper.CountLines("Lost ") + sleeper.CountLines("Fenced off ") > 0, Patience.Long, "the node notices that it was taken over");
            await SharedByTwoAsync(job);
            await sleeper.WaitUntilReadyAsync();
            output.WriteLine($"lost {sleeper.CountLines("Lost ")}, fenced {sleeper.CountLines("Fenced off ")}");
        }

        await FinishAsync(job, feed);
        await Exactly.AllAfterCrashesAsync(job);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task a_node_that_stood_still_in_the_middle_of_a_commit_writes_nothing_when_it_wakes(bool brokerEndsItsTransaction)
    {
        Assert.SkipWhen(brokerEndsItsTransaction && !kafka.IsReal, "The embedded Kafka does not end transactions that take too long.");
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        job.Settings["Streams__Postgres__IdleInTransactionTimeout"] = "00:00:05";

        // A broker that ends the sleeper's transaction is a safeguard of its own, without which the others must do.
        job.Settings["Kafka__Producer__transaction_timeout_ms"] = brokerEndsItsTransaction ? "5000" : "120000";
        var clicks = new TestClicks(9, Partitions);
        var sleeper = await job.StartReadyAsync();
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, clicks.Take(1_000));
        await job.WaitUntilCommittedAsync(1_000);

        await using (await job.LockCountsAsync())
        {
            await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, clicks.Take(1_000));
            await job.WaitUntilNodesWaitForLocksAsync();
            sleeper.Signal(ProcessSignal.Stop);
        }

        // What the sleeper asked for is done, and the answer waits for it; but its transaction is ended after a while.
        var other = await job.StartReadyAsync();
        await job.WaitUntilCommittedAsync(2_000);
        if (brokerEndsItsTransaction)
        {
            // Readers of what is committed see nothing behind an open transaction.
            var errors = (await job.ErrorRowsAsync()).Count;
            await Eventually.Equal(errors, async () => (await job.ReadAsync(job.Errors)).Count, Patience.Long, "the number of errors that readers see");
        }

        sleeper.Signal(ProcessSignal.Continue);
        await Eventually.True(
            () => sleeper.CountLines("Lost ") + sleeper.CountLines("Fenced off ") > 0, Patience.Long, "the node notices that it was taken over");
        await SharedByTwoAsync(job);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, clicks.Take(1_000));
        await job.WaitUntilCommittedAsync(3_000);
        Assert.Equal(0, await sleeper.StopAsync(Patience.Short));
        Assert.Equal(0, await other.StopAsync(Patience.Short));
        await Exactly.AllAfterCrashesAsync(job);
    }

    private static async Task<Node> StartSecondAsync(Job job)
    {
        await job.WaitUntilCommittedAsync(1);
        var second = await job.StartReadyAsync();
        await SharedByTwoAsync(job);
        return second;
    }

    private static Task SharedByTwoAsync(Job job) => OwnersAsync(job, 2);

    private static Task AllOwnedByOneAsync(Job job) => OwnersAsync(job, 1);

    private static async Task OwnersAsync(Job job, int nodes)
    {
        await Eventually.True(
            async () =>
            {
                var owners = await job.OwnersAsync();
                return owners.Count == Partitions && owners.Values.Distinct().Count() == nodes;
            },
            Patience.Long,
            $"the partitions belong to {nodes} nodes");
    }

    private static async Task FinishAsync(Job job, Feed feed) => await job.WaitUntilCommittedAsync(await feed.StopAsync());
}
