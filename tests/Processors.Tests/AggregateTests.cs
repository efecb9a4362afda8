using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

public sealed class AggregateTests
{
    private static EngineRun Run<TValue>(ICodec<TValue> codec, Action<Stream<string, TValue>> declare)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Utf8, codec));
        return new EngineRun(builder.Build());
    }

    private static LogRecord[] Doubles(params double[] numbers) => [.. numbers.Select((n, i) => Record(i, Codecs.Double, n))];

    private static LogRecord Record<T>(long offset, ICodec<T> codec, T value)
    {
        using var bytes = new ByteBuffer();
        codec.Encode(value, bytes);
        return new LogRecord(offset, "k"u8.ToArray(), bytes.Written.ToArray(), 0, []);
    }

    private static void ProcessWithCommits(EngineRun run, bool commits, params IReadOnlyList<LogRecord> records)
    {
        foreach (var record in records)
        {
            run.Process(record);
            if (commits)
            {
                run.Commit();
            }
        }

        run.Commit();
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void nan_is_larger_than_every_number_in_memory_as_in_postgres(bool commits)
    {
        using var run = Run(Codecs.Double, s => s.GroupByKey("k").Min(v => v).Max(v => v).Sum(v => v).ToTable("t"));
        ProcessWithCommits(run, commits, Doubles(double.NaN, 1, -2, double.PositiveInfinity));
        Assert.Equal(["k -2 NaN NaN"], run.Rows("t"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void a_number_that_would_overflow_a_total_is_a_dead_letter(bool commits)
    {
        using var doubles = Run(Codecs.Double, s => s.GroupByKey("k").Sum(v => v).ToTable("t"));
        ProcessWithCommits(doubles, commits, Doubles(1e300, 1e301, double.MinValue, -1e300, 5));
        Assert.Equal(["k 5"], doubles.Rows("t"));
        Assert.Equal(
            [
                "in-0@1 AGGREGATE-0000000001: Column sum: 1E+301 is too large to be summed; the limit is 1E+300.",
                "in-0@2 AGGREGATE-0000000001: Column sum: -1.7976931348623157E+308 is too large to be summed; the limit is 1E+300.",
            ],
            doubles.DeadLetters);

        using var decimals = Run(Codecs.Json<decimal>(), s => s.GroupByKey("k").Sum(v => v).ToTable("t"));
        ProcessWithCommits(decimals, commits, new[] { 1e18m, 0.001m, decimal.MaxValue, 0.002m }.Select((n, i) => Record(i, Codecs.Json<decimal>(), n)).ToList());
        Assert.Equal(["k 1000000000000000000.003"], decimals.Rows("t"));
        Assert.Single(decimals.DeadLetters);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void whole_numbers_add_up_beyond_64_bits(bool commits)
    {
        using var run = Run(Codecs.Int64, s => s.GroupByKey("k").Sum(v => v).Average(v => v / 2.0).ToTable("t"));
        ProcessWithCommits(run, commits, Enumerable.Range(0, 3).Select(i => Record(i, Codecs.Int64, long.MaxValue)).ToList());
        Assert.Equal(["k 27670116110564327421 1.3835058055282164E+19 3 4.611686018427388E+18"], run.Rows("t"));
        Assert.Empty(run.DeadLetters);
    }

    private sealed record Named(string Name);

    private sealed class ByReference(string name)
    {
        public string Name { get; } = name;
    }

    private sealed record WithBytes(byte[] Key);

    private readonly record struct Moment(DateTime At);

    private sealed record Hidden(string Name)
    {
        public readonly int Secret = Name.Length;

        public int Noise { private get; init; }
    }

    private static IReadOnlyList<string> Rows<TGroup>(Func<Reading, TGroup> group)
    {
        using var run = Run(new ReadingCodec(), s => s.GroupBy(group).Count("n").Min(r => r.Number).Sum(r => r.Number).ToTable("t"));
        Assert.Equal(typeof(TGroup) == typeof(Named), new KeyShape<TGroup>(null).IsExact);
        run.Process(EngineRun.Record(0, "k", "a|3"), EngineRun.Record(1, "k", "b|1"), EngineRun.Record(2, "k", "a|2"));
        run.Process(EngineRun.Record(3, "k", "a|4"), EngineRun.Record(4, "k", "b|5"));
        run.Commit();
        Assert.Empty(run.DeadLetters);
        return run.Rows("t");
    }

    [Fact]
    public void groups_with_equal_columns_are_one_row_whatever_equality_their_type_has()
    {
        Assert.Equal(["a 3 2 9", "b 2 1 6"], Rows(r => new Named(r.Group)));
        Assert.Equal(["a 3 2 9", "b 2 1 6"], Rows(r => new ByReference(r.Group)));
        Assert.Equal(["a 3 2 9", "b 2 1 6"], Rows(r => new Hidden(r.Group) { Noise = (int)r.Number }));
        Assert.Equal(["61 3 2 9", "62 2 1 6"], Rows(r => new WithBytes([(byte)r.Group[0]])));
        Assert.Equal(["61 3 2 9", "62 2 1 6"], Rows(r => new[] { (byte)r.Group[0] }));
        Assert.Equal(["1970-01-01T00:00:00 3 2 9", "1970-01-01T00:00:00.000001 2 1 6"], Rows(r => new Moment(DateTime.UnixEpoch.AddTicks(r.Group == "a" ? r.Number : 10 + r.Number))));
    }

    [Fact]
    public void a_null_or_unstorable_group_is_a_dead_letter_and_not_a_failed_commit()
    {
        using var run = Run(new ReadingCodec(), s =>
        {
            s.GroupBy(r => r.Number == 0 ? null! : r.Group, "grp").Count().ToTable("texts");
            s.GroupBy(r => r.Number == 1 ? null! : new byte[] { 1 }, "raw").Count().ToTable("bytes");
        });
        run.Process(
            EngineRun.Record(0, "k", "a|0"), EngineRun.Record(1, "k", "a|1"), EngineRun.Record(2, "k", "a\0|2"),
            EngineRun.Record(3, "k", new string('é', 1_301) + "|2"), EngineRun.Record(4, "k", new string('é', 1_300) + "|2"));
        run.Commit();
        Assert.Equal(
            [
                "in-0@0 AGGREGATE-0000000001: Column grp may not be null, and the value is.",
                "in-0@1 AGGREGATE-0000000002: Column raw may not be null, and the value is.",
                "in-0@2 AGGREGATE-0000000001: Column grp: the text holds U+0000, which PostgreSQL cannot store.",
                "in-0@3 AGGREGATE-0000000001: Table texts: the key has 2602 bytes; its index takes at most 2600.",
            ],
            run.DeadLetters);
        Assert.Single(run.Rows("texts"));
    }

    [Fact]
    public void deltas_of_tasks_merge_into_one()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, new ReadingCodec()).GroupBy(r => r.Group, "grp").Count("n").Min(r => r.Number).Sum(r => r.Number).ToTable("t").ToTopic("changes");
        var topology = builder.Build();
        var tables = new MemoryTables(topology);
        using var one = new EngineRun(topology, tables: tables);
        using var two = new EngineRun(topology, partition: 1, tables: tables);
        one.Process(EngineRun.Record(0, "k", "a|5"), EngineRun.Record(1, "k", "b|6"));
        two.Process(EngineRun.Record(0, "k", "a|-1"), EngineRun.Record(1, "k", "c|7"));
        var (first, second) = (one.Task.TakeChanges(), two.Task.TakeChanges());

        var merged = first.Aggregates[0].CreateEmpty();
        merged.MergeFrom(first.Aggregates[0]);
        merged.MergeFrom(second.Aggregates[0]);
        Assert.Equal(3, merged.Count);
        Assert.Equal(first.Aggregates[0].Count + second.Aggregates[0].Count, merged.Count + 1);
        using var rows = merged.ToRows();
        Assert.Equal(
            ["a 2 -1 4", "b 1 6 6", "c 1 7 7"],
            rows.SortedByKey().Select(row => string.Join(" ", rows.Columns.Select(c => c.ValueAt(row)))));

        using var transaction = tables.Begin([first, second]);
        Assert.Equal(3, Assert.Single(transaction.Totals).Count);
        transaction.Commit();
        Assert.Equal(["a 2 -1 4", "b 1 6 6", "c 1 7 7"], one.Rows("t"));
    }
}
