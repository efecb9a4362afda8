using Streams.Hosting.Runtime;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

public sealed class ContentionTests(TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task nodes_that_write_the_same_keys_at_once_do_not_deadlock()
    {
        const int Nodes = 6;
        const int Cycles = 40;
        const int Keys = 50;
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        await Task.WhenAll(Enumerable.Range(0, Nodes).Select(node => Task.Run(() => RunNodeAsync(node), Cancel)));

        Assert.Equal(
            [$"({Keys},{Nodes * Cycles * Keys * 2},{(long)Nodes * Cycles * Keys * 2 * 3})"],
            await harness.RowsAsync("SELECT count(*), sum(n) AS n, sum(big) AS big FROM clickstream.totals"));
        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));

        async Task RunNodeAsync(int node)
        {
            var random = new Random(node);
            var store = harness.Open(node: $"node-{node}");
            Worker[] workers = [new(topology, node * 2), new(topology, (node * 2) + 1)];
            var starts = await store.AcquireAsync([workers[1].Partition, workers[0].Partition], Cancel);
            workers[0].Start(starts[0]);
            workers[1].Start(starts[1]);
            for (var cycle = 0; cycle < Cycles; cycle++)
            {
                foreach (var worker in workers)
                {
                    // The same keys for everyone, each time in another order.
                    var keys = Enumerable.Range(0, Keys).ToArray();
                    random.Shuffle(keys);
                    worker.Feed(Clicks.Start, [.. keys.Select(k => Merges.Json($"key-{k}", 3))]);
                }

                TaskCommit[] commits = [.. workers.OrderBy(_ => random.Next()).Select(w => w.Take())];
                await using (var transaction = await store.WriteAsync(commits, Cancel))
                {
                    await transaction.CommitAsync(Cancel);
                }

                foreach (var commit in commits)
                {
                    workers.Single(w => w.Partition == commit.Changes.Partition).Committed(commit);
                }
            }

            Array.ForEach(workers, w => w.Dispose());
        }
    }

    [Fact]
    public async Task takeovers_and_commits_of_the_same_partitions_do_not_deadlock_and_lose_nothing()
    {
        const int Partitions = 8;
        var topology = Clicks.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        var fenced = 0;
        using var enough = new CancellationTokenSource(TimeSpan.FromSeconds(4));
        await Task.WhenAll(Enumerable.Range(0, 4).Select(node => Task.Run(() => RunNodeAsync(node), Cancel)));

        // Every offset below the committed one has its row, exactly once (the primary key), and none beyond it.
        Assert.Equal(
            [$"({Partitions},t)"],
            await harness.RowsAsync(
                """
                SELECT count(*), bool_and(p.next_offset = (SELECT count(*) FROM clickstream.errors e WHERE e.partition = p.partition)
                    AND p.next_offset = (SELECT coalesce(max("offset") + 1, 0) FROM clickstream.errors e WHERE e.partition = p.partition))
                FROM clickstream.partitions p
                """));
        Assert.True(await harness.ScalarAsync<bool>("SELECT (SELECT sum(n) FROM clickstream.error_counts) = (SELECT count(*) FROM clickstream.errors)"));
        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()"));
        Assert.True(fenced > 0, "nobody was ever fenced");

        async Task RunNodeAsync(int node)
        {
            var random = new Random(node);
            var store = harness.Open(node: $"node-{node}");
            Worker[] workers = [.. Enumerable.Range(0, Partitions).Select(p => new Worker(topology, p))];
            while (!enough.IsCancellationRequested)
            {
                random.Shuffle(workers);
                var mine = workers[..random.Next(1, Partitions + 1)];
                foreach (var start in await store.AcquireAsync([.. mine.Select(w => w.Partition)], Cancel))
                {
                    mine.Single(w => w.Partition == start.Partition).Start(start);
                }

                try
                {
                    for (var cycle = 0; cycle < 3; cycle++)
                    {
                        foreach (var worker in mine)
                        {
                            worker.Feed(Clicks.Start, Clicks.Json($"/{random.Next(5)}", 500), Clicks.Json($"/{random.Next(5)}", 500));
                        }

                        TaskCommit[] commits = [.. mine.Select(w => w.Take())];
                        await using var transaction = await store.WriteAsync(commits, Cancel);
                        await transaction.CommitAsync(Cancel);
                        for (var i = 0; i < mine.Length; i++)
                        {
                            mine[i].Committed(commits[i]);
                        }
                    }
                }
                catch (FencedException)
                {
                    Interlocked.Increment(ref fenced);
                }
            }

            Array.ForEach(workers, w => w.Dispose());
        }
    }
}
