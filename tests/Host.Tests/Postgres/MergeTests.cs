using Npgsql;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

public sealed class MergeTests(TestPostgres postgres)
{
    private const string Totals = "SELECT name, n, big, exact, least, greatest, least_real, greatest_real, mean FROM clickstream.totals ORDER BY name";

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed class Label(string text)
    {
        public string Text { get; } = text;
    }

    private static IEnumerable<string> Rows(RowBuffer rows) =>
        Enumerable.Range(0, rows.Count).Select(r => string.Join(' ', rows.Columns.Select(c => FormattableString.Invariant($"{c.ValueAt(r) ?? "null"}"))));

    [Fact]
    public async Task each_rule_merges_what_commits_bring()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 5, 1.5, 0.10m), Merges.Json("a", -3, 2.5, 0.25m), Merges.Json("b", 7, -1, 3m));
        await harness.CommitAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 100, -9, 1.005m));
        await harness.CommitAsync(worker);
        Assert.Equal(
            ["(a,3,102,1.355,-3,100,-9,2.5,-1.6666666666666667)", "(b,1,7,3,7,7,-1,-1,-1)"],
            await harness.RowsAsync(Totals));
    }

    [Fact]
    public async Task tasks_with_the_same_keys_add_up_in_one_commit()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        Worker[] workers = [new(topology, 1), new(topology, 0), new(topology, 2)];
        await harness.AcquireAsync(workers);
        workers[0].Feed(Clicks.Start, Merges.Json("a", 1), Merges.Json("b", 10));
        workers[1].Feed(Clicks.Start, Merges.Json("b", 20), Merges.Json("a", 2));
        await harness.CommitAsync(workers);
        Assert.Equal(["(a,2,3)", "(b,2,30)"], await harness.RowsAsync("SELECT name, n, big FROM clickstream.totals ORDER BY 1"));
        Array.ForEach(workers, w => w.Dispose());
    }

    [Fact]
    public async Task a_write_that_is_repeated_gives_the_same()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        Worker[] workers = [new(topology, 0), new(topology, 1)];
        await harness.AcquireAsync(workers);
        workers[0].Feed(Clicks.Start, Merges.Json("a", 1));
        workers[1].Feed(Clicks.Start, Merges.Json("a", 2));
        TaskCommit[] commits = [.. workers.Select(w => w.Take())];
        for (var attempt = 0; attempt < 3; attempt++)
        {
            await using var transaction = await harness.Store.WriteAsync(commits, Cancel);
            Assert.Equal(["a 2 3 0 1 2 0 0 0 2 0"], Rows(Assert.Single(transaction.Totals)));
        }

        Array.ForEach(workers, w => w.Dispose());
    }

    [Fact]
    public async Task the_new_totals_come_back_in_key_order_with_all_columns()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("b", 5, 1, 2), Merges.Json("a", 4, 2, 3));
        await harness.CommitAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("c", 1), Merges.Json("b", 6, 4, 2.5m), Merges.Json("Z", 1));
        await using var transaction = await harness.Store.WriteAsync([worker.Take()], Cancel);
        var totals = Assert.Single(transaction.Totals);
        Assert.Equal("totals", totals.Table.ChangelogTopic);
        Assert.Equal(totals.Table.Columns, totals.Columns.Select(c => c.Column));
        Assert.Equal(
            ["Z 1 1 0 1 1 0 0 0 1 0", "b 2 11 4.5 5 6 1 4 5 2 2.5", "c 1 1 0 1 1 0 0 0 1 0"],
            Rows(totals));
    }

    [Fact]
    public async Task shared_rows_are_locked_only_once_all_else_is_written()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 1));
        await harness.CommitAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 2), "bad");
        var calls = 0;
        await using var transaction = await harness.Store.WriteAsync(
            [worker.Take()],
            beforeMerge: async cancellation =>
            {
                calls++;
                Assert.False(cancellation.IsCancellationRequested);
                Assert.Equal(["(a)"], await harness.RowsAsync("SELECT name FROM clickstream.totals FOR UPDATE SKIP LOCKED"));
                Assert.Equal(["(0)"], await harness.RowsAsync("SELECT count(*) FROM (SELECT FROM clickstream.partitions FOR UPDATE SKIP LOCKED) AS p"));
            },
            Cancel);
        Assert.Equal(1, calls);
        Assert.Equal(["a 2 3 0 1 2 0 0 0 2 0"], Rows(Assert.Single(transaction.Totals)));
        Assert.Empty(await harness.RowsAsync("SELECT name FROM clickstream.totals FOR UPDATE SKIP LOCKED"));
        await transaction.CommitAsync(Cancel);
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.dead_letters"));
    }

    [Fact]
    public async Task nothing_is_waited_for_where_no_row_is_shared()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, "bad");
        await using var transaction = await harness.Store.WriteAsync(
            [worker.Take()], beforeMerge: _ => throw new InvalidOperationException("There is nothing to merge."), Cancel);
        await transaction.CommitAsync(Cancel);
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.dead_letters"));
    }

    [Fact]
    public async Task a_failure_before_the_merge_rolls_everything_back()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 1), "bad");
        var commit = worker.Take();
        var failure = new TimeoutException("The log does not answer.");
        Assert.Same(failure, await Assert.ThrowsAsync<TimeoutException>(() => harness.Store.WriteAsync([commit], beforeMerge: _ => throw failure, Cancel)));
        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.dead_letters"));
        await using var again = await harness.Store.WriteAsync([commit], Cancel);
        Assert.Equal(["a 1 1 0 1 1 0 0 0 1 0"], Rows(Assert.Single(again.Totals)));
    }

    [Fact]
    public async Task a_cycle_without_deltas_has_empty_totals()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, "bad");
        await using var transaction = await harness.Store.WriteAsync([worker.Take()], Cancel);
        Assert.Equal(0, Assert.Single(transaction.Totals).Count);
        await transaction.CommitAsync(Cancel);
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.dead_letters"));
    }

    [Fact]
    public async Task an_upsert_keeps_the_last_row_of_each_key()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        Worker[] workers = [new(topology, 0), new(topology, 1)];
        await harness.AcquireAsync(workers);
        workers[0].Feed(Clicks.Start, Merges.Json("a", 1), Merges.Json("b", 1), Merges.Json("a", 2), Merges.Json("a", 3));
        workers[1].Feed(Clicks.Start, Merges.Json("c", 9));
        await harness.CommitAsync(workers);
        Assert.Equal(["(a,3)", "(b,1)", "(c,9)"], await harness.RowsAsync("SELECT name, big FROM clickstream.latest ORDER BY 1"));
        workers[0].Feed(Clicks.Start, Merges.Json("a", -1));
        await harness.CommitAsync(workers[0]);
        Assert.Equal(["(a,-1)", "(b,1)", "(c,9)"], await harness.RowsAsync("SELECT name, big FROM clickstream.latest ORDER BY 1"));
        Array.ForEach(workers, w => w.Dispose());
    }

    [Fact]
    public async Task groups_that_only_postgres_takes_for_one_add_up()
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Utf8).GroupBy(text => new Label(text)).Count("n").ToTable("labels");
        var topology = builder.Build();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, "b", "a", "b", "b");
        await harness.CommitAsync(worker);
        worker.Feed(Clicks.Start, "b", "b");
        await harness.CommitAsync(worker);
        Assert.Equal(["(a,1)", "(b,5)"], await harness.RowsAsync("SELECT text, n FROM clickstream.labels ORDER BY 1"));
    }

    [Fact]
    public async Task times_within_one_microsecond_are_one_group()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(
            Clicks.Start,
            Merges.Json("a", 1, at: "2026-01-01T00:00:00.0000012Z"),
            Merges.Json("a", 1, at: "2026-01-01T00:00:00.0000019Z"),
            Merges.Json("a", 1, at: "2026-01-01T00:00:00.0000020Z"),
            Merges.Json("a", 1, at: "0001-01-01T00:00:00Z"),
            Merges.Json("a", 1, at: "9999-12-31T23:59:59.9999999Z"));
        await harness.CommitAsync(worker);
        Assert.Equal(
            ["(\"0001-01-01 00:00:00+00\",1)", "(\"2026-01-01 00:00:00.000001+00\",2)", "(\"2026-01-01 00:00:00.000002+00\",1)", "(\"9999-12-31 23:59:59.999999+00\",1)"],
            await harness.RowsAsync("SELECT at, n FROM clickstream.times ORDER BY 1"));
        Assert.Equal(["(\"9999-12-31 23:59:59.999999+00\")"], await harness.RowsAsync("SELECT at FROM clickstream.latest"));
    }

    [Fact]
    public async Task not_a_number_gives_the_same_however_commits_fall()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        foreach (var name in new[] { "together", "apart" })
        {
            foreach (var real in new[] { 1, double.NaN, 2 })
            {
                worker.Feed(Clicks.Start, Merges.Json(name, 1, real));
                if (name == "apart")
                {
                    await harness.CommitAsync(worker);
                }
            }
        }

        await harness.CommitAsync(worker);
        Assert.Equal(["(1,NaN,NaN)", "(1,NaN,NaN)"], await harness.RowsAsync("SELECT least_real, greatest_real, mean FROM clickstream.totals"));
    }

    [Fact]
    public async Task many_groups_go_in_several_statements()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        const int Groups = 60_000;
        worker.Feed(Clicks.Start, [.. Enumerable.Range(0, Groups).Select(i => Merges.Json($"{new string('x', 100)}{i}", i))]);
        await using var transaction = await harness.Store.WriteAsync([worker.Take()], Cancel);
        Assert.Equal(Groups, Assert.Single(transaction.Totals).Count);
        await transaction.CommitAsync(Cancel);
        Assert.Equal([$"({Groups},{(long)Groups * (Groups - 1) / 2})"], await harness.RowsAsync("SELECT count(*), sum(big) FROM clickstream.totals"));
        Assert.Equal(Groups, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.latest"));
    }

    [Fact]
    public async Task a_total_beyond_its_type_is_poison_that_names_the_table()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        await harness.ExecuteAsync($"INSERT INTO clickstream.totals VALUES ('a', {long.MaxValue}, 0, 0, 0, 0, 0, 0, 0, 0)");
        worker.Feed(Clicks.Start, Merges.Json("a", 1));
        var refused = await Assert.ThrowsAsync<PostgresException>(() => harness.Store.WriteAsync([worker.Take()], Cancel));
        Assert.Equal(
            new PostgresFailure(PostgresFailureKind.Poison, "PostgreSQL refuses a row in INSERT INTO \"clickstream\".\"totals\" AS t: bigint out of range (22003)"),
            PostgresFailures.Classify(refused));
    }
}
