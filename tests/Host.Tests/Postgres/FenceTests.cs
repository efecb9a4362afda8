using Streams.Hosting.Runtime;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

public sealed class FenceTests(TestPostgres postgres)
{
    private static readonly Topology Topology = Clicks.Topology();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static Task<IReadOnlyList<string>> PartitionsAsync(StoreHarness harness) =>
        harness.RowsAsync("SELECT topic, partition, epoch, next_offset, stream_time AT TIME ZONE 'UTC', node FROM clickstream.partitions ORDER BY 1, 2");

    private static Task<IReadOnlyList<string>> WrittenAsync(StoreHarness harness) => harness.RowsAsync(
        "SELECT (SELECT count(*) FROM clickstream.errors), (SELECT sum(n) FROM clickstream.error_counts), (SELECT count(*) FROM clickstream.dead_letters)");

    private static void FeedSome(Worker worker) => worker.Feed(Clicks.Start, Clicks.Json("/a", 500), Clicks.Json("/b", 200), "bad");

    [Fact]
    public async Task a_takeover_raises_the_epoch_and_says_where_to_go_on()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology, partition: 3);
        Assert.Equal(
            [new PartitionStart(new("a", 1), 1, null, null), new PartitionStart(new("clickstream", 3), 1, null, null), new PartitionStart(new("clickstream", 10), 1, null, null)],
            await harness.Store.AcquireAsync([new("clickstream", 10), new("clickstream", 3), new("a", 1), new("clickstream", 3)], Cancel));
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        await harness.CommitAsync(worker);
        Assert.Equal(
            [new PartitionStart(new("clickstream", 3), 3, 3, Clicks.Start.AddSeconds(1))],
            await harness.Open(node: "node-2").AcquireAsync([worker.Partition], Cancel));
        Assert.Equal(
            ["(a,1,1,,,node-1)", "(clickstream,3,3,3,\"2026-01-01 00:00:01\",node-2)", "(clickstream,10,1,,,node-1)"],
            await PartitionsAsync(harness));
    }

    [Fact]
    public async Task a_takeover_says_which_era_the_offset_belongs_to()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        TopicPartition partition = new("clickstream", 3);
        await harness.Store.AcquireAsync([partition], Cancel);
        await harness.ExecuteAsync("UPDATE clickstream.partitions SET era = 2, next_offset = 9");
        Assert.Equal([new PartitionStart(partition, 2, 9, null, Era: 2)], await harness.Store.AcquireAsync([partition], Cancel));
    }

    [Fact]
    public async Task nothing_is_visible_before_the_commit_and_everything_after_it()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        await using var transaction = await harness.Store.WriteAsync([worker.Take()], Cancel);
        Assert.Equal(["(0,,0)"], await WrittenAsync(harness));
        Assert.Equal(["(clickstream,0,1,,,node-1)"], await PartitionsAsync(harness));
        await transaction.CommitAsync(Cancel);
        Assert.Equal(["(1,1,1)"], await WrittenAsync(harness));
        Assert.Equal(["(clickstream,0,1,3,\"2026-01-01 00:00:01\",node-1)"], await PartitionsAsync(harness));
    }

    [Fact]
    public async Task a_transaction_that_is_disposed_leaves_nothing_and_the_same_changes_can_be_written_again()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        var commit = worker.Take();
        await (await harness.Store.WriteAsync([commit], Cancel)).DisposeAsync();
        Assert.Equal(["(0,,0)"], await WrittenAsync(harness));
        Assert.Equal(["(clickstream,0,1,,,node-1)"], await PartitionsAsync(harness));
        await using var again = await harness.Store.WriteAsync([commit], Cancel);
        await again.CommitAsync(Cancel);
        Assert.Equal(["(1,1,1)"], await WrittenAsync(harness));
    }

    [Fact]
    public async Task a_stale_owner_writes_nothing()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        await harness.Store.AcquireAsync([worker.Partition], Cancel);
        var fenced = await Assert.ThrowsAsync<FencedException>(() => harness.Store.WriteAsync([worker.Take()], Cancel));
        Assert.Equal([worker.Partition], fenced.Partitions);
        Assert.Equal("Another node took over clickstream-0; this node lets go of them.", fenced.Message);
        Assert.Equal(["(0,,0)"], await WrittenAsync(harness));
        Assert.Equal(["(clickstream,0,2,,,node-1)"], await PartitionsAsync(harness));
    }

    [Fact]
    public async Task an_owner_that_read_from_elsewhere_writes_nothing()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        var commit = worker.Take();
        await using (var transaction = await harness.Store.WriteAsync([commit], Cancel))
        {
            await transaction.CommitAsync(Cancel);
        }

        foreach (var wrong in new[] { commit, commit with { ReadFrom = 2 }, commit with { ReadFrom = 4 } })
        {
            await Assert.ThrowsAsync<FencedException>(() => harness.Store.WriteAsync([wrong], Cancel));
        }

        Assert.Equal(["(1,1,1)"], await WrittenAsync(harness));
        Assert.Equal(["(clickstream,0,1,3,\"2026-01-01 00:00:01\",node-1)"], await PartitionsAsync(harness));
    }

    [Fact]
    public async Task one_fenced_partition_of_several_ends_the_whole_transaction_and_is_named()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        Worker[] workers = [new(Topology, 10), new(Topology, 2), new(Topology, 1), new(Topology, 0)];
        await harness.AcquireAsync(workers);
        foreach (var worker in workers)
        {
            FeedSome(worker);
        }

        await harness.Store.AcquireAsync([new("clickstream", 1), new("clickstream", 10)], Cancel);
        TaskCommit[] commits = [.. workers.Select(w => w.Take())];
        var fenced = await Assert.ThrowsAsync<FencedException>(() => harness.Store.WriteAsync(commits, Cancel));
        Assert.Equal([new("clickstream", 1), new("clickstream", 10)], fenced.Partitions);
        Assert.Equal(["(0,,0)"], await WrittenAsync(harness));

        TaskCommit[] rest = [.. commits.Where(c => !fenced.Partitions.Contains(c.Changes.Partition))];
        await using var transaction = await harness.Store.WriteAsync(rest, Cancel);
        await transaction.CommitAsync(Cancel);
        Assert.Equal(["(2,2,2)"], await WrittenAsync(harness));
        Array.ForEach(workers, w => w.Dispose());
    }

    [Fact]
    public async Task a_fenced_task_whose_rows_would_fail_as_well_is_fenced()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        await harness.ExecuteAsync("ALTER TABLE clickstream.totals ADD CHECK (big < 0)");
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 1));
        await harness.Store.AcquireAsync([worker.Partition], Cancel);
        await Assert.ThrowsAsync<FencedException>(() => harness.Store.WriteAsync([worker.Take()], Cancel));
    }

    [Fact]
    public async Task a_takeover_waits_for_a_commit_under_way_and_goes_on_behind_it()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        await using var transaction = await harness.Store.WriteAsync([worker.Take()], Cancel);
        var takeover = harness.Open(node: "node-2").AcquireAsync([worker.Partition], Cancel);
        await Eventually.True(
            async () => await harness.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'streams/clickstream/node-2'") == 1,
            TimeSpan.FromSeconds(10),
            "the takeover waits");
        Assert.False(takeover.IsCompleted);
        await transaction.CommitAsync(Cancel);
        Assert.Equal([new PartitionStart(worker.Partition, 2, 3, Clicks.Start.AddSeconds(1))], await takeover);
    }

    [Fact]
    public async Task a_commit_that_waits_for_a_takeover_is_fenced()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        FeedSome(worker);
        await using var takeover = new Npgsql.NpgsqlConnection(harness.ConnectionString);
        await takeover.OpenAsync(Cancel);
        await using var open = await takeover.BeginTransactionAsync(Cancel);
        await using var raise = new Npgsql.NpgsqlCommand("UPDATE clickstream.partitions SET epoch = epoch + 1", takeover, open);
        await raise.ExecuteNonQueryAsync(Cancel);
        var write = harness.Store.WriteAsync([worker.Take()], Cancel);
        await Eventually.True(
            async () => await harness.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'streams/clickstream/node-1'") == 1,
            TimeSpan.FromSeconds(10),
            "the commit waits");
        await open.CommitAsync(Cancel);
        await Assert.ThrowsAsync<FencedException>(() => write);
        Assert.Equal(["(0,,0)"], await WrittenAsync(harness));
    }

    [Fact]
    public async Task the_database_may_default_to_another_isolation_level()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await harness.ExecuteAsync("DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = ''serializable''', current_database()); END $$");
        var store = harness.Open(connectionString: harness.ConnectionString + ";Application Name=serializable");
        using var worker = new Worker(Topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        FeedSome(worker);
        await using var transaction = await store.WriteAsync([worker.Take()], Cancel);
        await transaction.CommitAsync(Cancel);
        Assert.Equal(["(1,1,1)"], await WrittenAsync(harness));
    }
}
