using Npgsql;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Hosting.Topologies;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>Sessions in PostgreSQL: rows that move, become one, and come from several nodes at once.</summary>
public sealed class SessionStoreTests(TestPostgres postgres)
{
    private const int Nodes = 3;
    private const string Rows = "SELECT \"user\", to_char(session_start AT TIME ZONE 'UTC', 'HH24:MI'), to_char(session_end AT TIME ZONE 'UTC', 'HH24:MI'), n FROM clickstream.sessions ORDER BY 1, 2";
    private static readonly TimeSpan _gap = TimeSpan.FromMinutes(10);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Visit(string User, int Number);

    private static Topology Topology(bool changelog = true, int gapFactor = 1)
    {
        var builder = new StreamBuilder();
        var table = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Visit>()).GroupBy(v => v.User, "user").WindowedBy(Sessions.WithGap(_gap * gapFactor))
            .Count("n").Sum(v => v.Number, "session").Min(v => v.Number, "begins").Max(v => v.Number, "c0").Average(v => v.Number, "mean of \"it\"").ToTable("sessions");
        if (changelog)
        {
            table.ToTopic("changes");
        }

        return builder.Build();
    }

    private static string Json(string user, int number = 1) => Newtonsoft.Json.JsonConvert.SerializeObject(new Visit(user, number));

    private static DateTime At(double minutes) => new DateTime(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc).AddMinutes(minutes);

    private static IEnumerable<string> Read(RowBuffer rows, params int[] columns) =>
        Enumerable.Range(0, rows.Count).Select(r => string.Join(' ', columns.Select(c => rows.Columns[c].ValueAt(r) is DateTime time ? $"{time:HH:mm}" : FormattableString.Invariant($"{rows.Columns[c].ValueAt(r)}"))));

    [Fact]
    public async Task sessions_grow_move_and_become_one()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        Assert.Equal(["a 12:00 12:10 2 8 3 5 4", "a 12:25 12:25 1 7 7 7 7", "b 12:05 12:05 1 1 1 1 1"], await CommitAsync((0, "a", 3), (10, "a", 5), (25, "a", 7), (5, "b", 1)));
        Assert.Equal(["a 12:00 12:25 4 25 3 10 6.25", "gone: a 12:25"], await CommitAsync((17, "a", 10)));
        Assert.Equal(["a 11:55 12:25 5 24 -1 10 4.8", "gone: a 12:00"], await CommitAsync((-5, "a", -1)));
        Assert.Equal(["a 11:55 12:25 6 24 -1 10 4", "a 12:36 12:36 1 0 0 0 0"], await CommitAsync((0, "a", 0), (36, "a", 0)));
        Assert.Equal(["(a,11:55,12:25,6)", "(a,12:36,12:36,1)", "(b,12:05,12:05,1)"], await harness.RowsAsync(Rows));

        async Task<IReadOnlyList<string>> CommitAsync(params (double Minutes, string User, int Number)[] visits)
        {
            foreach (var (minutes, user, number) in visits)
            {
                worker.Feed(At(minutes), Json(user, number));
            }

            var commit = worker.Take();
            await using var transaction = await harness.Store.WriteAsync([commit], Cancel);
            var totals = Assert.Single(transaction.Totals);
            Assert.Equal(totals.Table.Columns, totals.Columns.Select(c => c.Column));
            List<string> changes =
                [.. Read(totals, 0, 1, 2, 3, 4, 5, 6, 9).Order(StringComparer.Ordinal), .. Read(Assert.Single(transaction.Gone), 0, 1).Select(key => $"gone: {key}")];
            await transaction.CommitAsync(Cancel);
            worker.Committed(commit);
            return changes;
        }
    }

    [Fact]
    public async Task without_a_changelog_nothing_is_given_back_and_the_rows_are_the_same()
    {
        var topology = Topology(changelog: false);
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(At(0), Json("a"));
        worker.Feed(At(20), Json("a"));
        await harness.CommitAsync(worker);
        worker.Feed(At(10), Json("a"));
        await harness.CommitAsync(worker);
        Assert.Equal(["(a,12:00,12:20,3)"], await harness.RowsAsync(Rows));
    }

    [Fact]
    public async Task what_two_nodes_insert_at_once_becomes_one_session()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        Worker[] workers = [new(topology, 0), new(topology, 1)];
        await harness.AcquireAsync(workers);
        workers[0].Feed(At(0), Json("a"));
        workers[1].Feed(At(5), Json("a"));
        await using var first = await harness.Store.WriteAsync([workers[0].Take()], Cancel);
        var waiting = harness.Store.WriteAsync([workers[1].Take()], Cancel);
        await Eventually.True(
            () => harness.ScalarAsync<bool>("SELECT EXISTS (SELECT FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database())"),
            TimeSpan.FromSeconds(30),
            "the second one waits");
        Assert.False(waiting.IsCompleted);
        await first.CommitAsync(Cancel);
        await using var second = await waiting;
        Assert.Equal(["a 12:00 12:05 2"], Read(Assert.Single(second.Totals), 0, 1, 2, 3));
        await second.CommitAsync(Cancel);
        Assert.Equal(["(a,12:00,12:05,2)"], await harness.RowsAsync(Rows));
        Array.ForEach(workers, w => w.Dispose());
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task sessions_of_several_nodes_equal_a_recount_and_so_does_what_the_changelog_leaves(int seed)
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        var changelog = new Log();
        var visits = await Task.WhenAll(Enumerable.Range(0, Nodes).Select(node => Task.Run(() => RunNodeAsync(harness, topology, node, new Random((seed * 100) + node), changelog))));

        var expected = new List<string>();
        foreach (var user in visits.SelectMany(v => v).GroupBy(v => v.User).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var times = user.Select(v => v.Time).Order().ToList();
            for (int from = 0, i = 1; i <= times.Count; i++)
            {
                if (i == times.Count || times[i] - times[i - 1] > _gap)
                {
                    expected.Add(FormattableString.Invariant($"{user.Key} {times[from]:O} {times[i - 1]:O} {i - from}"));
                    from = i;
                }
            }
        }

        Assert.Equal(
            expected,
            await harness.ScalarAsync<string[]>(
                """
                SELECT array_agg(concat_ws(' ', "user", to_char(session_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"0Z"'), to_char(session_end AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"0Z"'), n)
                    ORDER BY "user" COLLATE "C", session_start) FROM clickstream.sessions
                """));
        Assert.Equal(expected, changelog.Last());
        Assert.True(changelog.Repeated > 0, $"seed {seed} lost no commit");
    }

    /// <summary>One node's partition, committed again and again beside the others'; now and then all connections are killed.</summary>
    private static async Task<List<(string User, DateTime Time)>> RunNodeAsync(StoreHarness harness, Topology topology, int node, Random random, Log changelog)
    {
        var visits = new List<(string User, DateTime Time)>();
        var store = harness.Open(node: $"node-{node}");
        using var worker = new Worker(topology, node);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        for (var cycle = 0; cycle < 40; cycle++)
        {
            for (var i = random.Next(1, 12); i > 0; i--)
            {
                var (user, time) = ($"user {random.Next(4)}", At((cycle * 8) + random.Next(-60, 60)).AddMilliseconds(random.Next(1000)));
                visits.Add((user, time));
                worker.Feed(time, Json(user));
            }

            var commit = worker.Take();
            await CommitAsync(harness, store, commit, random, changelog);
            worker.Committed(commit);
        }

        return visits;
    }

    /// <summary>As a commit cycle does: the totals are in the log before the locks are looked at, and the log commits before PostgreSQL.</summary>
    private static async Task CommitAsync(StoreHarness harness, PostgresStateStore store, TaskCommit commit, Random random, Log changelog)
    {
        var (isRepeated, isUnknown) = (false, false);
        while (true)
        {
            try
            {
                if (isUnknown && await store.IsCommittedAsync([commit], Cancel))
                {
                    return;
                }

                isUnknown = false;
                await using var transaction = await store.WriteAsync([commit], Cancel);
                await MaybeKillAsync();
                using var earlier = commit.Changes.Aggregates[0].EarlierKeys(isRepeated);
                var sent = changelog.Append(transaction.Totals[0], [transaction.Gone[0], .. earlier is null ? Array.Empty<RowBuffer>() : [earlier]]);
                await MaybeKillAsync();
                await transaction.EnsureHeldAsync(Cancel);
                changelog.Commit(sent, isRepeated);
                isRepeated = true;
                await MaybeKillAsync();
                await transaction.CommitAsync(Cancel);
                return;
            }
            catch (CommitOutcomeUnknownException)
            {
                isUnknown = true;
            }
            catch (NpgsqlException e) when (PostgresFailures.Classify(e)!.Kind == PostgresFailureKind.Transient)
            {
            }
        }

        Task MaybeKillAsync() => random.Next(25) > 0
            ? Task.CompletedTask
            : harness.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()");
    }

    /// <summary>A topic with transactions: what a consumer of committed records would keep of it, the last value of each key.</summary>
    private sealed class Log
    {
        private readonly List<(string Key, string? Value, object Transaction)> _records = [];
        private readonly HashSet<object> _committed = [];

        /// <summary>How many transactions repeated one that was committed.</summary>
        public int Repeated { get; private set; }

        public object Append(RowBuffer totals, IReadOnlyList<RowBuffer> gone)
        {
            var transaction = new object();
            lock (_records)
            {
                var live = Enumerable.Range(0, totals.Count).Select(row => Key(totals, row)).ToHashSet();
                _records.AddRange(gone.SelectMany(rows => Enumerable.Range(0, rows.Count).Select(row => Key(rows, row))).Where(key => !live.Contains(key)).Select(key => (key, (string?)null, transaction)));
                _records.AddRange(Enumerable.Range(0, totals.Count).Select(row => (
                    Key(totals, row), (string?)FormattableString.Invariant($"{Key(totals, row)} {totals.Columns[2].ValueAt(row):O} {totals.Columns[3].ValueAt(row)}"), transaction)));
            }

            return transaction;
        }

        public void Commit(object transaction, bool isRepeated)
        {
            lock (_records)
            {
                _committed.Add(transaction);
                Repeated += isRepeated ? 1 : 0;
            }
        }

        public IEnumerable<string> Last() => _records.Where(r => _committed.Contains(r.Transaction)).GroupBy(r => r.Key).OrderBy(g => g.Key, StringComparer.Ordinal)
            .Select(g => g.Last().Value).OfType<string>();

        private static string Key(RowBuffer rows, int row) => FormattableString.Invariant($"{rows.Columns[0].ValueAt(row)} {rows.Columns[1].ValueAt(row):O}");
    }

    [Fact]
    public async Task the_locks_have_a_table_where_there_are_sessions_and_fill_no_more_than_their_slots()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology());
        Assert.Equal(["(session_locks)"], await harness.RowsAsync("SELECT tablename FROM pg_tables WHERE schemaname = 'clickstream' AND tablename LIKE '%locks'"));
        await using var without = await StoreHarness.StartAsync(postgres, Merges.Topology());
        Assert.Empty(await without.RowsAsync("SELECT tablename FROM pg_tables WHERE schemaname = 'clickstream' AND tablename LIKE '%locks'"));
    }

    [Fact]
    public async Task another_gap_is_refused_since_rows_that_stand_would_be_of_both()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology());
        var refused = await Assert.ThrowsAsync<TopologyChangedException>(() => harness.Open(topology: Topology(gapFactor: 2)).PrepareAsync(Cancel));
        Assert.Contains("windows: applied sessions with a gap of 00:10:00, declared sessions with a gap of 00:20:00: ", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void a_group_has_the_same_slot_in_every_version()
    {
        var topology = Topology();
        using var worker = new Worker(topology);
        worker.Start(new PartitionStart(worker.Partition, 1, null, null));
        worker.Feed(At(0), Json("b"), Json("a"), Json("ä"), Json("a"));
        using var rows = worker.Take().Changes.Aggregates[0].ToRows();

        // Nodes of two versions run beside each other during an update, and must wait for each other.
        Assert.Equal([14194, 58177, 58832], SessionLocks.Slots(rows));
    }

    [Fact]
    public async Task the_documented_role_can_merge_sessions_and_one_that_may_not_delete_their_rows_is_told_so()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        RightsTests.MakeRole(harness, "session_node");
        var store = harness.Open(connectionString: RightsTests.As(harness, "session_node"));
        await store.PrepareAsync(Cancel);
        using var worker = new Worker(topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        foreach (var minutes in new[] { 0, 20, 10 })
        {
            worker.Feed(At(minutes), Json("a"));
            var commit = worker.Take();
            await using var transaction = await store.WriteAsync([commit], Cancel);
            await transaction.CommitAsync(Cancel);
            worker.Committed(commit);
        }

        Assert.Equal(["(a,12:00,12:20,3)"], await harness.RowsAsync(Rows));
        await harness.ExecuteAsync("REVOKE DELETE ON clickstream.sessions FROM session_node");
        var refused = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        Assert.Contains("GRANT DELETE ON \"clickstream\".\"sessions\" TO \"session_node\";", refused.Message, StringComparison.Ordinal);
    }
}
