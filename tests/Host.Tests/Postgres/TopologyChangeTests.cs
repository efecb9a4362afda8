using System.Text.Json.Nodes;
using Microsoft.Extensions.Logging;
using Npgsql;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Hosting.Topologies;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>Nodes that start with another topology than the one that was applied last.</summary>
public sealed class TopologyChangeTests(TestPostgres postgres)
{
    private static readonly DateTime Time = Clicks.Start;

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Click(string Path, int Status, long? Bytes = null);

    private readonly record struct ByPath(string Path);

    private readonly record struct ByPathAndStatus(string Path, int Status);

    private readonly record struct ByStatusAndPath(int Status, string Path);

    /// <summary>Counts per path and minute, into the table and the topic <c>counts</c>; each argument changes one thing.</summary>
    private static Topology Counts(
        Func<GroupedStream<string, Click, ByPathAndStatus>, Aggregation<string, Click, ByPathAndStatus>>? aggregate = null,
        TimeWindows? windows = null, string source = "clickstream", string table = "counts", string? changelog = "counts", string? forward = null)
    {
        var builder = new StreamBuilder();
        var clicks = builder.Stream(source, Codecs.Utf8, Codecs.Json<Click>());
        if (forward is not null)
        {
            clicks.To(forward);
        }

        var grouped = clicks.GroupBy(c => new ByPathAndStatus(c.Path, c.Status)).WindowedBy(windows ?? Minutes(1));
        Named((aggregate ?? (g => g.Count("n")))(grouped).ToTable(table), changelog);
        return builder.Build();
    }

    private static Topology GroupedBy<TGroup>(Func<Click, TGroup> group, string? changelog = "counts")
    {
        var builder = new StreamBuilder();
        var clicks = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Click>());
        Named(clicks.GroupBy(group).WindowedBy(Minutes(1)).Count("n").ToTable("counts"), changelog);
        return builder.Build();
    }

    /// <summary>Rows into the table <c>counts</c>, mapped as told.</summary>
    private static Topology Rows(Action<TableMapping<string, Click>> mapping, string source = "clickstream")
    {
        var builder = new StreamBuilder();
        builder.Stream(source, Codecs.Utf8, Codecs.Json<Click>()).ToTable("counts", mapping);
        return builder.Build();
    }

    private static TimeWindows Hops(int size, int seconds) => Hopping.Of(TimeSpan.FromMinutes(size), TimeSpan.FromSeconds(seconds)).WithGrace(TimeSpan.FromMinutes(1));

    private static TimeWindows Minutes(int size, int grace = 1) => Tumbling.Of(TimeSpan.FromMinutes(size)).WithGrace(TimeSpan.FromMinutes(grace));

    private static void Named(ResultTable table, string? changelog)
    {
        if (changelog is not null)
        {
            table.ToTopic(changelog);
        }
    }

    private static async Task<TopologyChangedException> RefusedAsync(StoreHarness harness, Topology declared)
    {
        var before = await DumpAsync(harness);
        var refused = await Assert.ThrowsAsync<TopologyChangedException>(() => harness.Open(topology: declared).PrepareAsync(Cancel));
        Assert.Equal(before, await DumpAsync(harness));
        Assert.Equal(new PostgresFailure(PostgresFailureKind.Fatal, refused.Message), PostgresFailures.Classify(refused));
        return refused;
    }

    /// <summary>Everything that a start could have changed.</summary>
    private static async Task<string> DumpAsync(StoreHarness harness) => string.Join('\n',
    [
        .. await harness.RowsAsync("SELECT * FROM clickstream.topology"),
        .. await harness.RowsAsync("SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'clickstream' ORDER BY 1, 2"),
    ]);

    /// <summary>Starts with another topology, and gives back what was logged of the change.</summary>
    private static async Task<IReadOnlyList<string>> AppliedAsync(StoreHarness harness, Topology declared)
    {
        var logger = new LineLogger();
        await using var connection = new NpgsqlConnection(harness.ConnectionString);
        await connection.OpenAsync(Cancel);
        await new SchemaManager(StoreHarness.Application, declared, new PostgresOptions(), logger).PrepareAsync(connection, Cancel);
        return [.. logger.Lines.Where(l => l.StartsWith("The topology changed: ", StringComparison.Ordinal)).Select(l => l["The topology changed: ".Length..])];
    }

    private static async Task CommitAsync(StoreHarness harness, Topology topology, params string[] values)
    {
        using var worker = new Worker(topology);
        var store = harness.Open(topology: topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        worker.Feed(Time, values);
        await using var transaction = await store.WriteAsync([worker.Take()], Cancel);
        await transaction.CommitAsync(Cancel);
    }

    [Fact]
    public async Task another_window_size_is_refused_with_both_sizes_the_reason_and_the_ways_on()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        await harness.ExecuteAsync("UPDATE clickstream.topology SET applied_at = '2026-01-02 03:04:05Z'");
        var refused = await RefusedAsync(harness, Counts(windows: Minutes(5), forward: "all"));
        Assert.Equal(
            """
            The topology that was applied on 2026-01-02 03:04:05Z and the one that is declared now cannot share their tables; nothing was changed.
              table "clickstream"."counts":
                windows: applied tumbling, 00:01:00 long, declared tumbling, 00:05:00 long: rows of both would stand side by side, and nothing tells them apart
            These changes alone would be applied:
              topic all: written as well now; it gets what is read from now on
            Ways on:
              - Take the change back: declare what was applied.
              - Give the table a new name. The new one gets what is read from now on, the old one stays as it is.
              - Choose a new Streams:ApplicationId. It reads its topics from the beginning, into a schema of its own.
              - Accept it, knowing what then stands in the table, with the command topology accept (AppliedTopology.AcceptAsync).
            """,
            refused.Message);
    }

    public static TheoryData<string, Func<Topology>, string> Incompatible => new()
    {
        {
            "another aggregate", () => Counts(g => g.Max(c => (long)c.Status, "n")),
            """column "n": applied a sum or count (bigint), declared the largest value (bigint): a row's value would be made of both"""
        },
        {
            "a sum where a count was", () => Counts(g => g.Sum(c => (long)c.Status, "n")),
            """column "n": applied a sum or count (bigint), declared a sum or count (numeric): a row's value would be made of both"""
        },
        {
            "an aggregate more", () => Counts(g => g.Count("n").Max(c => (long)c.Status, "top")),
            """column "top": applied not there, declared the largest value (bigint): rows that stand would hold only what comes from now on"""
        },
        {
            "another topic", () => Counts(source: "clicks"),
            "fed by: applied topic clickstream, declared topic clicks: a row would be made of the records of both"
        },
        {
            "another group", () => GroupedBy(c => new ByPath(c.Path)),
            """grouped by: applied ("path" text, "status" integer), declared ("path" text): what is counted under one is not found under the other"""
        },
        {
            "the group in another order", () => GroupedBy(c => new ByStatusAndPath(c.Status, c.Path)),
            """grouped by: applied ("path" text, "status" integer), declared ("status" integer, "path" text): the order is that of the members of keys in topic counts, where each row would get a second key"""
        },
        {
            "hopping windows", () => Counts(windows: Hops(1, seconds: 20)),
            "windows: applied tumbling, 00:01:00 long, declared hopping, 00:01:00 long, one every 00:00:20: rows of both would stand side by side, and nothing tells them apart"
        },
        {
            "another kind", () => Rows(t => t.Key("path", c => c.Path).Column("n", c => c.Status)),
            "applied as an aggregate, declared as a table with the last row of each key: its rows would be taken for what they are not"
        },
    };

    [Theory]
    [MemberData(nameof(Incompatible))]
    public async Task what_would_mix_two_meanings_in_one_table_is_refused(string change, Func<Topology> declared, string text)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        var refused = await RefusedAsync(harness, declared());
        Assert.True(text == Assert.Single(refused.Difference.Changes, c => !c.IsCompatible).Text, $"{change}: {refused.Message}");
    }

    [Fact]
    public async Task hopping_windows_keep_their_advance()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts(windows: Hops(1, seconds: 20)));
        var refused = await RefusedAsync(harness, Counts(windows: Hops(1, seconds: 30)));
        Assert.StartsWith(
            "windows: applied hopping, 00:01:00 long, one every 00:00:20, declared hopping, 00:01:00 long, one every 00:00:30: ",
            Assert.Single(refused.Difference.Changes).Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task an_aggregate_less_and_windows_dropped_are_refused_too()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts(g => g.Count("n").Average(c => c.Status, "mean")));
        var refused = await RefusedAsync(harness, Counts());
        Assert.Equal(["column \"mean_sum\"", "column \"mean_count\"", "column \"mean\""], refused.Difference.Changes.Select(c => c.Text.Split(':')[0]));

        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Click>()).GroupBy(c => new ByPathAndStatus(c.Path, c.Status)).Count("n").ToTable("all_time");
        await using var windowless = await StoreHarness.StartAsync(postgres, builder.Build());
        refused = await RefusedAsync(windowless, Counts(table: "all_time", changelog: null));
        Assert.StartsWith("windows: applied none, declared tumbling, 00:01:00 long", Assert.Single(refused.Difference.Changes).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task the_last_rows_of_keys_keep_their_key_and_their_topic()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Rows(t => t.Key("path", c => c.Path).Column("status", c => c.Status)));
        Assert.Equal(
            "key: applied (\"path\" text), declared (\"status\" integer): what is counted under one is not found under the other",
            Assert.Single((await RefusedAsync(harness, Rows(t => t.Key("status", c => c.Status).Column("path", c => c.Path)))).Difference.Changes, c => !c.IsCompatible).Text);
        Assert.StartsWith(
            "fed by: ",
            Assert.Single((await RefusedAsync(harness, Rows(t => t.Key("path", c => c.Path).Column("status", c => c.Status), "clicks"))).Difference.Changes, c => !c.IsCompatible).Text,
            StringComparison.Ordinal);
    }

    [Fact]
    public async Task changes_that_mix_nothing_are_applied_and_told_in_a_line_each()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        Assert.Empty(await AppliedAsync(harness, Counts()));
        Assert.Equal(
            [
                "table \"clickstream\".\"counts\": grace was 00:01:00 and is 00:03:00; what comes from now on is judged by it, what was late before stays out.",
                "table \"clickstream\".\"counts\": topic counts-2 gets its rows as they change from now on; rows that do not change are in the table only.",
                "table \"clickstream\".\"counts\": topic counts does not get its rows any more.",
                "topic all: written as well now; it gets what is read from now on.",
            ],
            await AppliedAsync(harness, Counts(windows: Minutes(1, grace: 3), changelog: "counts-2", forward: "all")));
        Assert.Equal(
            [
                "table \"clickstream\".\"other\": new; it gets what is read from now on.",
                "table \"clickstream\".\"counts\": not declared any more; it stays as it is, and is not written any more.",
                "topic clicks: read as well now, from where this application left it, else from the beginning.",
                "topic clickstream: not read any more; its offsets stay.",
                "topic all: not written any more; it stays as it is.",
            ],
            await AppliedAsync(harness, Counts(source: "clicks", table: "other")));
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'clickstream' AND tablename = 'counts'"));
    }

    [Fact]
    public async Task a_table_that_was_left_out_is_still_compared_when_it_is_declared_again()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        await AppliedAsync(harness, Counts(table: "other"));
        await AppliedAsync(harness, Counts(table: "third"));
        Assert.StartsWith("windows: ", Assert.Single((await RefusedAsync(harness, Counts(windows: Minutes(5)))).Difference.Changes, c => !c.IsCompatible).Text, StringComparison.Ordinal);
        var line = (await AppliedAsync(harness, Counts()))[0];
        Assert.StartsWith("table \"clickstream\".\"counts\": declared again; what was read since 20", line, StringComparison.Ordinal);
        Assert.EndsWith("Z without it is not in it.", line, StringComparison.Ordinal);
        Assert.Empty(await AppliedAsync(harness, Counts()));
    }

    [Fact]
    public async Task a_table_that_was_dropped_may_be_declared_anew_as_anything()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        await harness.ExecuteAsync("DROP TABLE clickstream.counts");
        Assert.Equal(["table \"clickstream\".\"counts\": new; it gets what is read from now on."], await AppliedAsync(harness, Counts(windows: Minutes(5))));
    }

    [Fact]
    public async Task a_new_column_that_may_be_null_is_added_and_nodes_that_do_not_know_it_go_on()
    {
        var before = Rows(t => t.Column("path", c => c.Path).Column("status", c => c.Status));
        var after = Rows(t => t.Column("path", c => c.Path).Column("bytes", c => c.Bytes));
        await using var harness = await StoreHarness.StartAsync(postgres, before);
        await CommitAsync(harness, before, """{"path":"/old","status":1}""");
        var refused = await Assert.ThrowsAsync<SchemaMismatchException>(() => AppliedAsync(harness, after));
        Assert.Contains("column \"status\" is not the topology's, and may neither be null nor has a default", refused.Message, StringComparison.Ordinal);
        Assert.DoesNotContain("bytes", refused.Message, StringComparison.Ordinal);
        await harness.ExecuteAsync("ALTER TABLE clickstream.counts ALTER COLUMN status DROP NOT NULL");

        Assert.Equal(
            [
                "table \"clickstream\".\"counts\": column \"bytes\" (bigint) is new; rows from before lack it.",
                "table \"clickstream\".\"counts\": column \"status\" is not declared any more; it stays, and new rows lack it.",
            ],
            await AppliedAsync(harness, after));
        await CommitAsync(harness, before, """{"path":"/beside","status":2}""");
        await CommitAsync(harness, after, """{"path":"/new","status":3,"bytes":4}""");
        Assert.Equal(["(/old,1,)", "(/beside,2,)", "(/new,,4)"], await harness.RowsAsync("SELECT path, status, bytes FROM clickstream.counts ORDER BY \"offset\""));
    }

    [Fact]
    public async Task a_role_that_may_not_add_the_column_says_what_an_administrator_would_run()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Rows(t => t.Column("path", c => c.Path)));
        await harness.ExecuteAsync("CREATE ROLE adds LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA clickstream TO adds; GRANT ALL ON ALL TABLES IN SCHEMA clickstream TO adds");
        var poor = new NpgsqlConnectionStringBuilder(harness.ConnectionString) { Username = "adds", Password = "secret" }.ConnectionString;
        var store = harness.Open(connectionString: poor, topology: Rows(t => t.Column("path", c => c.Path).Column("bytes", c => c.Bytes)));
        var missing = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        Assert.Equal(
            [
                "ALTER TABLE \"clickstream\".\"counts\" OWNER TO \"adds\";",
                "or let an administrator create it, and grant the rights with docs/postgres-role.sql:",
                "ALTER TABLE \"clickstream\".\"counts\" ADD COLUMN \"bytes\" bigint;",
            ],
            missing.Message.Split('\n').Skip(1));
        await harness.ExecuteAsync("ALTER TABLE clickstream.counts ADD COLUMN bytes bigint");
        await store.PrepareAsync(Cancel);
    }

    [Fact]
    public async Task a_topology_stored_as_the_bare_list_of_tables_is_upgraded_without_a_word_and_compared_as_far_as_it_goes()
    {
        const string Version0 =
            """
            [{"schema": null, "name": "counts", "kind": "Aggregate", "changelog_topic": "counts", "columns": [
                {"name": "window_start", "type": "timestamp with time zone", "nullable": false, "merge": "Key"},
                {"name": "path", "type": "text", "nullable": false, "merge": "Key"},
                {"name": "status", "type": "integer", "nullable": false, "merge": "Key"},
                {"name": "mean_sum", "type": "double precision", "nullable": false, "merge": "Add"},
                {"name": "mean_count", "type": "bigint", "nullable": false, "merge": "Add"},
                {"name": "mean", "type": "double precision", "nullable": true, "merge": "Quotient"}]}]
            """;
        var mean = Counts(g => g.Average(c => c.Status, "mean"));
        await using var harness = await StoreHarness.StartAsync(postgres, mean);
        var current = await harness.ScalarAsync<string>("SELECT tables::text FROM clickstream.topology");
        await harness.ExecuteAsync($"UPDATE clickstream.topology SET tables = '{Version0}'");
        await RefusedAsync(harness, Counts());
        Assert.Empty(await AppliedAsync(harness, mean));
        Assert.Equal(current, await harness.ScalarAsync<string>("SELECT tables::text FROM clickstream.topology"));
        Assert.Equal(
            """{"sinks":[],"tables":[{"key":["window_start","path","status"],"kind":"Aggregate","name":"counts","schema":"clickstream","sources":["clickstream"],"windows":{"kind":"tumbling","size":"00:01:00","grace":"00:01:00"},"changelog":"counts"}],"sources":["clickstream"],"version":1}""",
            Shortened(JsonNode.Parse(current)!));

        static string Shortened(JsonNode document)
        {
            foreach (var table in document["tables"]!.AsArray().ToList())
            {
                var columns = table!["columns"]!.AsArray();
                var shortened = new JsonObject
                {
                    ["key"] = new JsonArray([.. columns.Where(c => (string)c!["merge"]! == "Key").Select(c => (JsonNode)(string)c!["name"]!)]),
                    ["kind"] = (string)table["kind"]!,
                    ["name"] = (string)table["name"]!,
                    ["schema"] = (string)table["schema"]!,
                    ["sources"] = table["sources"]!.DeepClone(),
                    ["windows"] = table["windows"]!.DeepClone(),
                    ["changelog"] = (string)table["changelog_topic"]!,
                };
                table.ReplaceWith(shortened);
            }

            return document.ToJsonString();
        }
    }

    [Theory]
    [InlineData("""{"version": 7, "news": []}""", "cannot be read: it has version 7, and this software knows versions up to 1. Run the version of the software that stored it")]
    [InlineData("""{"version": "x"}""", "cannot be read: ")]
    [InlineData("""{"version": 1}""", "cannot be read: ")]
    [InlineData("""[{"name": 1}]""", "cannot be read: ")]
    [InlineData("null", "cannot be read: ")]
    public async Task a_record_that_cannot_be_read_is_never_taken_for_none(string stored, string text)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        await harness.ExecuteAsync($"UPDATE clickstream.topology SET tables = '{stored}'");
        var refused = await RefusedAsync(harness, Counts());
        Assert.StartsWith(text, Assert.Single(refused.Difference.Changes).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task accepting_stores_the_declaration_and_touches_no_table()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        await CommitAsync(harness, Counts(), """{"path":"/","status":500}""");
        await using var connection = new NpgsqlConnection(harness.ConnectionString);
        await connection.OpenAsync(Cancel);
        var wider = Counts(windows: Minutes(5));
        var accepted = await new SchemaManager(StoreHarness.Application, wider, new PostgresOptions(), new LineLogger()).AcceptAsync(connection, Cancel);
        Assert.False(accepted.IsCompatible);
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT n FROM clickstream.counts"));
        Assert.Empty(await AppliedAsync(harness, wider));
        Assert.StartsWith("windows: ", Assert.Single((await RefusedAsync(harness, Counts())).Difference.Changes).Text, StringComparison.Ordinal);
    }

    [Fact]
    public async Task nodes_of_two_topologies_that_start_at_once_leave_one_of_them_applied()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Counts());
        Topology[] both = [Counts(forward: "all"), Counts(table: "other")];
        await Task.WhenAll(Enumerable.Range(0, 12).Select(i => harness.Open(topology: both[i % 2]).PrepareAsync(Cancel)));
        var last = await harness.ScalarAsync<string>("SELECT description FROM clickstream.topology");
        Assert.Contains(last, both.Select(t => t.Describe()));
        Assert.Equal(["(counts)", "(other)"], await harness.RowsAsync("SELECT t->>'name' FROM clickstream.topology, jsonb_array_elements(tables->'tables') AS t ORDER BY 1"));
    }

    private sealed class LineLogger : ILogger
    {
        public List<string> Lines { get; } = [];

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            Lines.Add(formatter(state, exception));
    }
}
