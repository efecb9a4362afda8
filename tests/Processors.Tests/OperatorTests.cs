namespace Streams.Processors.Tests;

public sealed class OperatorTests
{
    private static readonly string[] Words = ["a b", "", "c", "b b c", "d"];

    /// <summary>Runs words with the keys k0, k1, ... through a topology and gives what was sent.</summary>
    private static IReadOnlyList<string> Sent(Action<Stream<string, string>> declare, params IReadOnlyList<string?> values)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Utf8, Codecs.Nullable(Codecs.Utf8))!);
        using var run = new EngineRun(builder.Build());
        run.Process([.. values.Select((value, i) => EngineRun.Record(i, $"k{i}", value))]);
        run.Commit();
        Assert.Empty(run.DeadLetters);
        return run.Sent;
    }

    [Fact]
    public void filter_keeps_what_meets_the_condition_in_order()
    {
        Assert.Equal(["out k0=a b", "out k3=b b c"], Sent(s => s.Filter(v => v.Contains('b', StringComparison.Ordinal)).To("out"), Words));
        Assert.Equal(["out k2=c", "out k4=d"], Sent(s => s.Filter((k, v) => k is "k2" or "k4" && v.Length == 1).To("out"), Words));
    }

    [Fact]
    public void map_makes_a_new_key_and_value() =>
        Assert.Equal(
            ["out k0a b=3", "out k1=0", "out k2c=1", "out k3b b c=5", "out k4d=1"],
            Sent(s => s.Map((k, v) => (k + v, $"{v.Length}")).To("out", Codecs.Utf8, Codecs.Utf8), Words));

    [Fact]
    public void map_values_keeps_the_key()
    {
        Assert.Equal(["out k0=3", "out k1=0"], Sent(s => s.MapValues(v => $"{v.Length}").To("out", valueCodec: Codecs.Utf8), Words[..2]));
        Assert.Equal(["out k0=k0:a b"], Sent(s => s.MapValues((k, v) => $"{k}:{v}").To("out", valueCodec: Codecs.Utf8), Words[..1]));
    }

    [Fact]
    public void select_key_keeps_the_value()
    {
        Assert.Equal(["out a=a b", "out c=c"], Sent(s => s.SelectKey(v => v[..1]).To("out", Codecs.Utf8), "a b", "c"));
        Assert.Equal(["out k0a b=a b"], Sent(s => s.SelectKey((k, v) => k + v).To("out", Codecs.Utf8), "a b"));
    }

    [Fact]
    public void flat_map_gives_any_number_of_records_in_the_order_given()
    {
        Assert.Equal(
            ["out k0=a", "out k0=b", "out k2=c", "out k3=b", "out k3=b", "out k3=c", "out k4=d"],
            Sent(s => s.FlatMapValues(v => v.Split(' ', StringSplitOptions.RemoveEmptyEntries)).To("out", valueCodec: Codecs.Utf8), Words));
        Assert.Equal(
            ["out a=k0", "out b=k0", "out c=k1"],
            Sent(s => s.FlatMap((k, v) => v.Split(' ').Select(word => (word, k))).To("out", Codecs.Utf8, Codecs.Utf8), "a b", "c"));
    }

    [Fact]
    public void branch_sends_each_record_to_the_first_condition_that_holds() =>
        Assert.Equal(
            ["first k0=a b", "first k3=b b c", "second k2=c"],
            Sent(
                s =>
                {
                    var branches = s.Branch(v => v.Contains('b', StringComparison.Ordinal), v => v.Contains('c', StringComparison.Ordinal));
                    branches[0].To("first");
                    branches[1].To("second");
                },
                Words));

    [Fact]
    public void merge_puts_the_ways_of_one_source_back_into_its_order() =>
        Assert.Equal(
            ["out k0=1", "out k1=-2", "out k2=3", "out k2=4", "out k3=-4", "out k4=5"],
            Sent(
                s =>
                {
                    var branches = s.Branch(v => v.StartsWith('-'), v => v.Contains(' ', StringComparison.Ordinal), _ => true);
                    branches[2].Merge(branches[0], branches[1].FlatMapValues(v => v.Split(' '))).To("out", valueCodec: Codecs.Utf8);
                },
                "1", "-2", "3 4", "-4", "5"));

    [Fact]
    public void of_two_records_from_one_the_first_streams_comes_first() =>
        Assert.Equal(
            ["out k0=a", "out k0=A", "out k1=b", "out k1=B"],
            Sent(s => s.Merge(s.MapValues(v => v.ToUpperInvariant())).To("out", valueCodec: Codecs.Utf8), "a", "b"));

    [Fact]
    public void merge_takes_each_source_as_it_comes()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8).Merge(builder.Stream("other", Codecs.Utf8, Codecs.Utf8)).To("out");
        var topology = builder.Build();
        using var run = new EngineRun(topology, topic: "other", partition: 3);
        run.Process(EngineRun.Record(0, "k", "v"));
        run.Commit();
        Assert.Equal(["out k=v"], run.Sent);
    }

    [Fact]
    public void peek_sees_each_record_and_changes_none()
    {
        var seen = new List<string>();
        Assert.Equal(["out k0=a", "out k1=b"], Sent(s => s.Peek((k, v) => seen.Add(k + v)).To("out"), "a", "b"));
        Assert.Equal(["k0a", "k1b"], seen);
    }

    [Fact]
    public void a_stream_feeds_any_number_of_operators() =>
        Assert.Equal(
            ["a k0=x", "b k0=X", "c k0=x"],
            Sent(
                s =>
                {
                    s.To("a");
                    s.MapValues(v => v.ToUpperInvariant()).To("b", valueCodec: Codecs.Utf8);
                    s.To("c");
                },
                "x"));

    [Fact]
    public void an_empty_batch_moves_only_the_offset()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8).To("out");
        using var run = new EngineRun(builder.Build());
        using var batch = new Testing.MemoryRecordBatch(run.Task.Partition, [], nextOffset: 7);
        run.Task.Process(batch, EngineRun.Now);
        Assert.Equal(7, run.Task.NextOffset);
        run.Process(EngineRun.Record(6, "k", "before"), EngineRun.Record(7, "k", "after"));
        run.Commit();
        Assert.Equal(["out k=after"], run.Sent);
    }
}
