using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Nodes that are killed, at any moment, while records flow.</summary>
public sealed class KillTests(TestKafka kafka, TestPostgres postgres, ITestOutputHelper output)
{
    private const int Partitions = 4;
    private const int Kills = 20;

    [Fact]
    public async Task a_node_killed_twenty_times_counts_everything_exactly_once()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        await using var feed = new Feed(job, new TestClicks(seed, Partitions), perSecond: 800);
        await KillOftenAsync(job, new Random(seed));

        var written = await feed.StopAsync();
        await using var last = await job.StartReadyAsync("node");
        await job.WaitUntilCommittedAsync(written);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await last.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task at_least_once_keeps_tables_exact_and_sends_every_error()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        job.Settings["Streams__Guarantee"] = "AtLeastOnce";
        await using var feed = new Feed(job, new TestClicks(seed, Partitions), perSecond: 800);
        await KillOftenAsync(job, new Random(seed), kills: 5);

        var written = await feed.StopAsync();
        await using var last = await job.StartReadyAsync("node");
        await job.WaitUntilCommittedAsync(written);
        var recount = Recount.Of(await job.ReadAsync(job.Clicks));
        await Exactly.TablesAsync(job, recount);
        await Exactly.ErrorsTopicAsync(job, recount, onceOnly: false);
        await Exactly.CountsTopicAsync(job, recount);
    }

    /// <summary>Starts the node and kills it, again and again: early on its way up, or while it commits.</summary>
    private async Task KillOftenAsync(Job job, Random random, int kills = Kills)
    {
        long before = 0;
        for (var kill = 1; kill <= kills; kill++)
        {
            await using var node = job.Start("node");
            if (random.Next(4) == 0)
            {
                await Task.Delay(random.Next(2_000));
            }
            else
            {
                var committed = before;
                await Eventually.True(async () => node.HasExited || await job.CommittedAsync() > committed, Patience.Long, "something is committed");
                await Task.Delay(random.Next(600));
            }

            Assert.False(node.HasExited, $"The node has ended by itself:\n{node.Output}");
            await node.KillAsync();
            before = await CheckAsync(job, before);
            output.WriteLine($"kill {kill}: {before} records committed");
        }
    }

    /// <summary>Whatever moment it is: tables hold the effects of what is committed, all of it and nothing else.</summary>
    private static async Task<long> CheckAsync(Job job, long before)
    {
        if (!await job.HasTablesAsync())
        {
            return before;
        }

        var snapshot = await job.SnapshotAsync();
        var committed = snapshot.Partitions.ToDictionary(p => p.Partition, p => p.NextOffset);
        var recount = Recount.Of((await job.ReadAsync(job.Clicks)).Where(r => r.Offset < committed.GetValueOrDefault(r.Partition)));
        Assert.All(snapshot.Partitions, p => Assert.True(p.LastError < p.NextOffset));
        Assert.Equal(
            recount.Errors.CountBy(e => e.Partition).ToDictionary(c => c.Key, c => (long)c.Value).OrderBy(c => c.Key),
            snapshot.Partitions.Where(p => p.Errors > 0).ToDictionary(p => p.Partition, p => p.Errors).OrderBy(c => c.Key));
        Assert.Equal(recount.Counts.Values.Sum(), snapshot.Counted);
        var sum = committed.Values.Sum();
        Assert.True(sum >= before, $"{before} records were committed, and now {sum}");
        return sum;
    }
}
