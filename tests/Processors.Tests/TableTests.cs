using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

public sealed class TableTests
{
    private sealed record Everything(
        string Text, short Small, int Whole, long Big, double Real, decimal Exact, bool Flag, DateTime At, DateTimeOffset Zoned, Guid Id, byte[] Raw,
        string? MaybeText, int? MaybeWhole, DateTime? MaybeAt, byte[]? MaybeRaw);

    private static readonly Everything Full = new(
        "é", -1, 2, 3, 0.5, 1.10m, true,
        new DateTime(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc).AddTicks(12_345_678),
        new DateTimeOffset(2026, 1, 1, 2, 0, 0, TimeSpan.FromHours(2)),
        Guid.Parse("6f9619ff-8b86-d011-b42d-00c04fc964ff"), [1, 0xFF],
        "maybe", 7, new DateTime(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc), [2]);

    private static EngineRun Run<TValue>(Action<Stream<string, TValue>> declare)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Utf8, Codecs.Json<TValue>()));
        return new EngineRun(builder.Build());
    }

    private static LogRecord Json(long offset, object? value, string? key = "k") => EngineRun.Record(offset, key, Newtonsoft.Json.JsonConvert.SerializeObject(value));

    [Fact]
    public void every_type_has_its_column_by_convention()
    {
        using var run = Run<Everything>(s => s.ToTable("t"));
        Assert.Equal(
            [
                new("topic", ColumnType.Text, Merge: MergeRule.Key), new("partition", ColumnType.Integer, Merge: MergeRule.Key), new("offset", ColumnType.BigInt, Merge: MergeRule.Key),
                new("time", ColumnType.Timestamp), new("text", ColumnType.Text), new("small", ColumnType.SmallInt), new("whole", ColumnType.Integer), new("big", ColumnType.BigInt),
                new("real", ColumnType.Double), new("exact", ColumnType.Numeric), new("flag", ColumnType.Boolean), new("at", ColumnType.Timestamp), new("zoned", ColumnType.Timestamp),
                new("id", ColumnType.Uuid), new("raw", ColumnType.Bytes), new("maybe_text", ColumnType.Text, true), new("maybe_whole", ColumnType.Integer, true),
                new("maybe_at", ColumnType.Timestamp, true), new Column("maybe_raw", ColumnType.Bytes, true),
            ],
            run.Tables.Schema("t").Columns);
    }

    [Fact]
    public void values_and_nulls_arrive_in_their_columns()
    {
        using var run = Run<Everything>(s => s.ToTable("t"));
        run.Process(Json(0, Full), Json(1, Full with { MaybeText = null, MaybeWhole = null, MaybeAt = null, MaybeRaw = null }), Json(2, Full with { Raw = null! }), Json(3, Full with { Text = null! }));
        run.Commit();
        const string Required = "é -1 2 3 0.5 1.10 True 2026-01-01T00:00:01.234567 2026-01-01T00:00:00 6f9619ff-8b86-d011-b42d-00c04fc964ff 01FF";
        Assert.Equal(
            [
                $"in 0 0 2026-01-01T12:00:00 {Required} maybe 7 2026-01-02T00:00:00 02",
                $"in 0 1 2026-01-01T12:00:00 {Required} null null null null",
            ],
            run.Rows("t"));
        Assert.Equal(
            ["in-0@2 TABLE-0000000001: Column raw may not be null, and the value is.", "in-0@3 TABLE-0000000001: Column text may not be null, and the value is."],
            run.DeadLetters);
    }

    [Fact]
    public void the_raw_value_is_kept_as_it_was_read()
    {
        using var run = Run<Dictionary<string, object>>(s => s.ToTable("t", t => t.WithRawValue("raw").Column("n", v => v.Count)));
        run.Process(EngineRun.Record(0, "k", """ {"b":1, "a":[1.50]} """), EngineRun.Record(1, "k", """{"a":"\u0000"}"""));
        run.Commit();
        Assert.Equal(["""in 0 0 2026-01-01T12:00:00 2  {"b":1, "a":[1.50]} """], run.Rows("t"));
        Assert.Equal(["in-0@1 TABLE-0000000001: Column raw: the JSON holds \\u0000, which PostgreSQL's jsonb cannot store."], run.DeadLetters);
    }

    private sealed record User(string Name, int Age);

    [Fact]
    public void a_table_with_a_key_keeps_the_last_row_of_each()
    {
        using var run = Run<User>(s => s.ToTable("users", t => t.KeyOf("id", r => r.Key)));
        Assert.Equal(TableKind.Upsert, run.Tables.Schema("users").Kind);
        run.Process(Json(0, new User("a", 1), "x"), Json(1, new User("b", 2), "y"), Json(2, new User("c", 3), "x"));
        run.Commit();
        Assert.Equal(["x c 3", "y b 2"], run.Rows("users"));
        run.Process(Json(3, new User("d", 4), "y"), Json(4, new User("e", 5), null), Json(5, new User("f", 6), new string('k', 3_000)));
        run.Commit();
        Assert.Equal(["x c 3", "y d 4"], run.Rows("users"));
        Assert.Equal(
            ["in-0@4 TABLE-0000000001: Column id may not be null, and the value is.", "in-0@5 TABLE-0000000001: Table users: the key has 3000 bytes; its index takes at most 2600."],
            run.DeadLetters);
    }

    [Fact]
    public void several_rows_from_one_record_are_told_apart_by_their_ordinal()
    {
        using var run = Run<string[]>(s => s.FlatMapValues(words => words).ToTable("words"));
        run.Process(Json(0, new[] { "a", "b" }), Json(1, Array.Empty<string>()), Json(2, new[] { "c" }));
        run.Process(Json(3, new[] { "d", "e" }));
        run.Commit();
        const string Noon = "2026-01-01T12:00:00";
        Assert.Equal([$"in 0 0 0 {Noon} a", $"in 0 0 1 {Noon} b", $"in 0 2 0 {Noon} c", $"in 0 3 0 {Noon} d", $"in 0 3 1 {Noon} e"], run.Rows("words"));
    }

    [Fact]
    public void streams_that_share_a_source_anywhere_may_bring_a_record_twice()
    {
        var builder = new StreamBuilder();
        var one = builder.Stream("in", Codecs.Utf8, Codecs.Utf8);
        var two = builder.Stream("two", Codecs.Utf8, Codecs.Utf8);
        one.Merge(two).Merge(two).ToTable("t", t => t.Column("v", v => v));
        one.Merge(two).ToTable("disjoint", t => t.Column("v", v => v));
        using var run = new EngineRun(builder.Build(), topic: "two");
        run.Process(EngineRun.Record(0, "k", "v"));
        run.Commit();
        Assert.Equal(["two 0 0 0 2026-01-01T12:00:00 v", "two 0 0 1 2026-01-01T12:00:00 v"], run.Rows("t"));
        Assert.Equal(["two 0 0 2026-01-01T12:00:00 v"], run.Rows("disjoint"));
    }

    [Fact]
    public void keys_that_postgres_cannot_tell_apart_are_one_key()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Int64).ToTable("t", t => t.Key("at", ticks => DateTime.UnixEpoch.AddTicks(ticks)).Column("v", v => v));
        using var run = new EngineRun(builder.Build());
        run.Process([.. new byte[] { 10, 11, 19, 20 }.Select((ticks, i) => new LogRecord(i, null, [0, 0, 0, 0, 0, 0, 0, ticks], 0, []))]);
        var changes = run.Task.TakeChanges();
        Assert.Equal([2, 3], changes.Rows[0].SortedByKey());
        run.Tables.Apply(changes);
        Assert.Equal(["1970-01-01T00:00:00.000001 19", "1970-01-01T00:00:00.000002 20"], run.Rows("t"));
    }
}
