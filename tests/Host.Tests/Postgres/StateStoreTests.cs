using System.Text;
using Streams.Hosting.Postgres;
using Streams.Hosting.Topologies;
using Streams.Processors;
using Streams.Processors.Testing;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>States of keys in PostgreSQL: written with the offsets, read when they are needed, and gone when there are none.</summary>
public sealed class StateStoreTests(TestPostgres postgres)
{
    private const string Hostile = "the \"last\"; DROP TABLE";
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);
    private static readonly DateTime _time = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Last(string Text, int Times);

    private static Last? Next(Record<string, string> record, Last? last, Action<string> emit)
    {
        emit(last?.Text ?? "nothing");
        return record.Value == "forget" ? null : new Last(record.Value, (last?.Times ?? 0) + 1);
    }

    private static Topology Topology(string table = "last", Func<Record<string, string>, Last?, Action<string>, Last?>? next = null)
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Utf8).Process<string, string, Last, string>(table, (record, last, emit) => (next ?? Next)(record, last, emit));
        return builder.Build();
    }

    private static LogRecord Record(long offset, string key, string value) =>
        new(offset, Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value), (long)(_time - DateTime.UnixEpoch).TotalMilliseconds, []);

    private static LogRecord[] Records(long from, params (string Key, string Value)[] records) =>
        [.. records.Select((r, i) => Record(from + i, r.Key, r.Value))];

    [Theory]
    [InlineData("last")]
    [InlineData(Hostile)]
    public async Task states_are_written_found_again_changed_and_taken_away(string table)
    {
        var topology = Topology(table);
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        await worker.FeedAsync(harness.Store, Records(0, ("a", "1"), ("b", "2"), ("a", "3"), ("it's \"c\"", "\u00fc \\ \"quoted\""), ("d", "forget")));
        await harness.CommitAsync(worker);
        Assert.Equal(["(clickstream,0,a,3,2)", "(clickstream,0,b,2,1)", "(clickstream,0,\"it's \"\"c\"\"\",\"\u00fc \\\\ \"\"quoted\"\"\",1)"], await RowsAsync());

        // Another task of the partition has nothing in memory.
        await harness.AcquireAsync(worker);
        await worker.FeedAsync(harness.Store, Records(5, ("a", "4"), ("b", "forget"), ("it's \"c\"", "5"), ("e", "6"), ("e", "forget")));
        await harness.CommitAsync(worker);
        Assert.Equal(["(clickstream,0,a,4,3)", "(clickstream,0,\"it's \"\"c\"\"\",5,2)"], await RowsAsync());

        Task<IReadOnlyList<string>> RowsAsync() => harness.RowsAsync(
            $"SELECT topic, partition, key, state->>'Text', state->>'Times' FROM clickstream.{Identifiers.Quote(table)} ORDER BY key COLLATE \"C\"");
    }

    [Fact]
    public async Task what_is_not_committed_is_not_there()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        await worker.FeedAsync(harness.Store, Record(0, "a", "1"));
        await harness.CommitAsync(worker);
        await worker.FeedAsync(harness.Store, Records(1, ("a", "2"), ("b", "3")));
        await (await harness.Store.WriteAsync([worker.Take()], Cancel)).DisposeAsync();

        await harness.AcquireAsync(worker);
        Assert.Equal(1, worker.NextOffset);
        await worker.FeedAsync(harness.Store, Records(1, ("a", "2"), ("b", "3")));
        await harness.CommitAsync(worker);
        Assert.Equal(["(a,2)", "(b,1)"], await harness.RowsAsync("SELECT key, state->>'Times' FROM clickstream.last ORDER BY key"));
    }

    [Fact]
    public async Task a_key_has_a_state_in_each_partition_and_one_transaction_writes_them_all()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var first = new Worker(topology);
        using var second = new Worker(topology, partition: 1);
        await harness.AcquireAsync(first, second);
        await first.FeedAsync(harness.Store, Records(0, ("a", "1"), ("b", "1"), ("c", "1")));
        await second.FeedAsync(harness.Store, Records(0, ("a", "2")));
        await harness.CommitAsync(first, second);
        await first.FeedAsync(harness.Store, Records(3, ("a", "forget"), ("b", "3")));
        await second.FeedAsync(harness.Store, Records(1, ("a", "4"), ("b", "forget")));
        await harness.CommitAsync(first, second);
        Assert.Equal(
            ["(0,b,3)", "(0,c,1)", "(1,a,4)"],
            await harness.RowsAsync("SELECT partition, key, state->>'Text' FROM clickstream.last ORDER BY partition, key"));
    }

    [Fact]
    public async Task a_key_of_many_columns_is_found_by_all_of_them()
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Json<Everything>(), Codecs.Utf8).Fold("folded", () => "", (text, value) => text + value);
        var topology = builder.Build();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        var key = new Everything("t'ext", 1, 2, long.MaxValue, 0.1, 1.50m, true, new Guid("00112233-4455-6677-8899-aabbccddeeff"));
        Everything[] keys = [key, key with { Text = "" }, key with { Small = 3 }, key with { Large = 0 }, key with { Exact = 1.51m }, key with { Yes = false }, key with { Id = Guid.Empty }, key with { Double = -0.1 }];
        for (var round = 0; round < 2; round++)
        {
            await worker.FeedAsync(harness.Store, [.. keys.Select((k, i) => Record(worker.NextOffset + i, Newtonsoft.Json.JsonConvert.SerializeObject(k), $"{i};"))]);
            await harness.CommitAsync(worker);
            await harness.AcquireAsync(worker);
        }

        Assert.Equal(keys.Select((_, i) => $"({i};{i};)"), await harness.RowsAsync("SELECT state #>> '{}' FROM clickstream.folded ORDER BY 1"));
    }

    private sealed record Everything(string Text, short Small, int Whole, long Large, double Double, decimal Exact, bool Yes, Guid Id);

    [Fact]
    public async Task many_keys_are_looked_up_in_the_index_whatever_the_planner_knows_of_the_table()
    {
        const int Keys = 20_000;
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        await harness.ExecuteAsync("ALTER TABLE clickstream.last SET (autovacuum_enabled = off)");
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        await worker.FeedAsync(harness.Store, [.. Enumerable.Range(0, Keys).Select(i => Record(i, $"key {i}", "first"))]);
        await harness.CommitAsync(worker);
        var before = await ScansAsync();
        await harness.AcquireAsync(worker);
        for (var round = 0; round < 8; round++)
        {
            await worker.FeedAsync(harness.Store, [.. Enumerable.Range(0, 1_000).Select(i => Record(worker.NextOffset + i, $"key {(round * 1_000) + i}", "again"))]);
        }

        await harness.CommitAsync(worker);
        await Eventually.True(async () => (await ScansAsync()).Index >= before.Index + 8_000, _patience, "the statistics know of the lookups");
        Assert.Equal(0, (await ScansAsync()).RowsRead);
        Assert.Equal(8_000, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.last WHERE state = '{\"Text\": \"again\", \"Times\": 2}'"));
        Assert.Equal(Keys, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.last"));

        async Task<(long RowsRead, long Index)> ScansAsync() => (
            await harness.ScalarAsync<long>("SELECT seq_tup_read FROM pg_stat_user_tables WHERE relname = 'last'"),
            await harness.ScalarAsync<long>("SELECT idx_scan FROM pg_stat_user_tables WHERE relname = 'last'"));
    }

    [Fact]
    public async Task what_makes_states_mean_something_else_is_refused()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology());
        await harness.Open().PrepareAsync(Cancel);
        await RefusedAsync(
            b => b.Stream("clicks", Codecs.Utf8, Codecs.Utf8).Reduce("last", (_, text) => text),
            "table \"clickstream\".\"last\":\n    fed by: applied topic clickstream, declared topic clicks: a row would be made of the records of both");
        await RefusedAsync(
            b => b.Stream("clickstream", Codecs.Int64, Codecs.Utf8).Reduce("last", (_, text) => text),
            "table \"clickstream\".\"last\":\n    key: applied (\"topic\" text, \"partition\" integer, \"key\" text), declared (\"topic\" text, \"partition\" integer, \"key\" bigint): what is counted under one is not found under the other");
        await RefusedAsync(
            b => b.Stream("clickstream", Codecs.Utf8, Codecs.Utf8).ToTable("last", t => t.Key("key", text => text)),
            "table \"clickstream\".\"last\":\n    applied as the states of keys, declared as a table with the last row of each key: its rows would be taken for what they are not");

        async Task RefusedAsync(Action<StreamBuilder> declare, string reason)
        {
            var builder = new StreamBuilder();
            declare(builder);
            var refusal = await Assert.ThrowsAsync<TopologyChangedException>(() => harness.Open(topology: builder.Build()).PrepareAsync(Cancel));
            Assert.True(refusal.Message.Contains(reason, StringComparison.Ordinal), refusal.Message);
        }
    }

    [Fact]
    public async Task the_documented_role_keeps_states_and_one_that_may_not_delete_them_is_told_so()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        RightsTests.MakeRole(harness, "state_node");
        var store = harness.Open(connectionString: RightsTests.As(harness, "state_node"));
        await store.PrepareAsync(Cancel);
        using var worker = new Worker(topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        foreach (var value in new[] { "1", "forget" })
        {
            await worker.FeedAsync(store, Record(worker.NextOffset, "a", value));
            var commit = worker.Take();
            await using var transaction = await store.WriteAsync([commit], Cancel);
            await transaction.CommitAsync(Cancel);
            worker.Committed(commit);
        }

        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.last"));
        await harness.ExecuteAsync("REVOKE DELETE ON clickstream.last FROM state_node");
        var refusal = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        Assert.True(refusal.Message.Contains("GRANT DELETE ON \"clickstream\".\"last\" TO \"state_node\";", StringComparison.Ordinal), refusal.Message);
    }
}
