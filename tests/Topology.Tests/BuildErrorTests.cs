using Streams.Processors;

namespace Streams.Tests;

/// <summary>What is wrong with a graph is found by Build, all at once, in words that say what to do.</summary>
public sealed class BuildErrorTests
{
    private static IReadOnlyList<string> Problems(Action<StreamBuilder> declare)
    {
        var builder = new StreamBuilder();
        declare(builder);
        return Assert.Throws<TopologyException>(builder.Build).Problems;
    }

    private static IReadOnlyList<string> OfClicks(Action<Stream<string, Click>> declare) => Problems(b => declare(Clicks(b)));

    private static Stream<string, Click> Clicks(StreamBuilder builder, string topic = "clicks") => builder.Stream(topic, Codecs.Utf8, Codecs.Json<Click>());

    [Fact]
    public void what_is_right_has_no_problems()
    {
        Assert.Equal(["clickstream"], Samples.Clickstream().Build().SourceTopics);
        Assert.Equal(["all-clicks"], Samples.MergeAndBranch().Build().SinkTopics);
    }

    [Fact]
    public void an_empty_graph() =>
        Assert.Equal(["the graph is empty: start a stream with builder.Stream(topic, ...)"], Problems(_ => { }));

    [Fact]
    public void a_graph_without_a_sink() =>
        Assert.Equal(
            ["no stream ends in a topic or a table, so nothing would come out: add .To(topic) or .ToTable(table)"],
            OfClicks(s => s.Filter(c => c.Status > 0)));

    [Fact]
    public void all_problems_come_in_one_message()
    {
        var builder = new StreamBuilder();
        Clicks(builder, "bad topic").MapValues(c => c.Status).To("clicks!");
        Assert.Equal(
            """
            The topology cannot be built:
              - SINK-0000000002: no codec for values of type Int32: pass one, as in .To("clicks!", valueCodec: ...)
              - SOURCE-0000000000: topic 'bad topic': the name may hold only ASCII letters, digits, '.', '_' and '-'
              - SINK-0000000002: topic 'clicks!': the name may hold only ASCII letters, digits, '.', '_' and '-'
            """.ReplaceLineEndings("\n"),
            Assert.Throws<TopologyException>(builder.Build).Message);
    }

    [Fact]
    public void a_source_of_another_builder()
    {
        var other = Clicks(new StreamBuilder(), "elsewhere");
        Assert.Equal(
            ["MERGE-0000000001: its input SOURCE-0000000000 is an unknown source, declared with another StreamBuilder; declare both with the same one"],
            OfClicks(s => s.Merge(other).To("out", Codecs.Utf8, Codecs.Json<Click>())));
    }

    [Fact]
    public void a_name_given_twice() =>
        Assert.Equal(
            ["the name 'mine' is given to 2 nodes; names must be unique"],
            OfClicks(s => s.Filter(c => c.Status > 0, "mine").To("out", name: "mine")));

    [Fact]
    public void a_topic_read_with_two_types() =>
        Assert.Equal(
            ["topic 'clicks' is read as <String, Click> and as <Int64, Click>; read it once and branch from that stream"],
            Problems(b =>
            {
                Clicks(b).To("a");
                b.Stream("clicks", Codecs.Int64, Codecs.Json<Click>()).To("b");
            }));

    [Fact]
    public void a_topic_read_twice() =>
        Assert.Equal(
            ["topic 'clicks' is read 2 times (SOURCE-0000000000, SOURCE-0000000002); read it once and use that stream again"],
            Problems(b =>
            {
                Clicks(b).To("a");
                Clicks(b).To("b");
            }));

    [Fact]
    public void a_loop_through_a_topic_or_a_changelog()
    {
        Assert.Equal(
            ["SINK-0000000001: topic 'clicks' is written and also read by this topology, an endless loop; write to another topic"],
            OfClicks(s => s.To("clicks")));
        Assert.Equal(
            ["AGGREGATE-0000000001: topic 'clicks' is written and also read by this topology, an endless loop; write to another topic"],
            OfClicks(s => s.GroupBy(c => c.Path).Count().ToTable("t").ToTopic("clicks")));
    }

    [Theory]
    [InlineData("", "the name is empty")]
    [InlineData("..", "the name may not be '.' or '..'")]
    [InlineData("a b", "the name may hold only ASCII letters, digits, '.', '_' and '-'")]
    [InlineData("é", "the name may hold only ASCII letters, digits, '.', '_' and '-'")]
    public void a_topic_name_that_kafka_refuses(string topic, string problem)
    {
        Assert.Equal([$"SINK-0000000001: topic '{topic}': {problem}"], OfClicks(s => s.To(topic)));
        Assert.Equal([$"AGGREGATE-0000000001: topic '{topic}': {problem}"], OfClicks(s => s.GroupBy(c => c.Path).Count().ToTable("t").ToTopic(topic)));
    }

    [Fact]
    public void a_topic_name_that_is_too_long()
    {
        Assert.Equal(
            [$"SINK-0000000001: topic '{new string('a', 250)}': the name has 250 characters; Kafka takes at most 249"],
            OfClicks(s => s.To(new string('a', 250))));
        var builder = new StreamBuilder();
        Clicks(builder).To(new string('a', 249));
        Assert.Equal([new string('a', 249)], builder.Build().SinkTopics);
    }

    [Fact]
    public void an_identifier_of_more_than_63_bytes()
    {
        var longest = new string('a', 61) + "é";
        var tooLong = longest + "b";
        var problem = $"the identifier '{tooLong}': the name has 64 bytes; PostgreSQL takes at most 63";
        Assert.Equal([$"TABLE-0000000001: table '{tooLong}': {problem}"], OfClicks(s => s.ToTable(tooLong)));
        Assert.Equal([$"TABLE-0000000001: table 't': {problem}"], OfClicks(s => s.ToTable("t", t => t.InSchema(tooLong))));
        Assert.Equal([$"TABLE-0000000001: table 't': {problem}"], OfClicks(s => s.ToTable("t", t => t.Column(tooLong, c => c.Path))));
        Assert.Equal([$"AGGREGATE-0000000001: table 't': {problem}"], OfClicks(s => s.GroupBy(c => c.Path, tooLong).Count().ToTable("t")));

        var builder = new StreamBuilder();
        Clicks(builder).ToTable(longest, t => t.InSchema(longest).Column(longest, c => c.Path));
        Assert.Equal(longest, builder.Build().Tables[0].Name);
    }

    [Fact]
    public void an_empty_identifier_or_one_with_nul()
    {
        Assert.Equal(["TABLE-0000000001: table '': the identifier '': the name is empty"], OfClicks(s => s.ToTable("")));
        Assert.Equal(["TABLE-0000000001: table 'a\0b': the identifier 'a\0b': the name holds a NUL character"], OfClicks(s => s.ToTable("a\0b")));
    }

    [Fact]
    public void a_table_mapped_twice() =>
        Assert.Equal(
            ["table 't' is mapped 3 times (TABLE-0000000001, TABLE-0000000002, AGGREGATE-0000000003); one table takes one stream: merge the streams first"],
            OfClicks(s =>
            {
                s.ToTable("t");
                s.ToTable("t");
                s.GroupBy(c => c.Path).Count().ToTable("t");
                s.ToTable("t", t => t.InSchema("other"));
            }));

    [Fact]
    public void two_columns_of_one_name()
    {
        Assert.Equal(
            ["TABLE-0000000001: table 't' has 2 columns named 'path'; rename one in the mapping"],
            OfClicks(s => s.ToTable("t", t => t.Column("path", c => c.Path).Column("path", c => c.Status))));
        Assert.Equal(
            ["AGGREGATE-0000000001: table 't' has 2 columns named 'count'; rename one in the mapping"],
            OfClicks(s => s.GroupBy(c => c.Path).Count().Count().ToTable("t")));
        Assert.Equal(
            ["TABLE-0000000001: table 't' has 2 columns named 'offset'; rename one in the mapping"],
            OfClicks(s => s.ToTable("t", t => t.Column("offset", c => c.Path))));
    }

    [Fact]
    public void a_group_that_is_a_tuple() =>
        Assert.Equal(
            ["AGGREGATE-0000000001: the group is a tuple, whose element names do not exist at run time; use a record struct, such as `record struct ErrorKey(string Path, int Status)`"],
            OfClicks(s => s.GroupBy(c => (c.Path, c.Status)).Count().ToTable("t")));

    private sealed record Nothing;

    private sealed record Odd(Uri Address);

    [Fact]
    public void a_group_that_cannot_become_columns()
    {
        Assert.Equal(
            ["AGGREGATE-0000000001: the group type Nothing has no public properties to make key columns of"],
            OfClicks(s => s.GroupBy(_ => new Nothing()).Count().ToTable("t")));
        Assert.Equal(
            ["AGGREGATE-0000000001: the group's property Odd.Address is of type Uri, which cannot be a column; use string, short, int, long, double, decimal, bool, DateTime, DateTimeOffset, Guid, byte[] and their nullable forms"],
            OfClicks(s => s.GroupBy(_ => new Odd(new Uri("http://localhost"))).Count().ToTable("t")));
    }

    private sealed record MaybeKey(string? Path, int? Status);

    [Fact]
    public void a_key_that_may_be_null()
    {
        const string What = "may be null; use a type that cannot be null";
        Assert.Equal(
            [$"AGGREGATE-0000000001: table 't': the key column 'path' {What}", $"AGGREGATE-0000000001: table 't': the key column 'status' {What}"],
            OfClicks(s => s.GroupBy(c => new MaybeKey(c.Path, c.Status)).Count().ToTable("t")));
        Assert.Equal([$"AGGREGATE-0000000001: table 't': the key column 'key' {What}"], OfClicks(s => s.GroupBy(c => (int?)c.Status).Count().ToTable("t")));
        Assert.Equal([$"TABLE-0000000001: table 't': the key column 'id' {What}"], OfClicks(s => s.ToTable("t", t => t.Key("id", c => (long?)c.Status))));
    }

    [Fact]
    public void an_aggregate_without_a_table() =>
        Assert.Equal(["AGGREGATE-0000000001: the aggregate has no table to live in; add .ToTable(name)"], OfClicks(s => s.GroupBy(c => c.Path).Count()));

    [Fact]
    public void two_aggregates_without_a_table_are_not_one_table_twice() =>
        Assert.Equal(2, OfClicks(s =>
        {
            s.GroupBy(c => c.Path).Count();
            s.GroupBy(c => c.Status).Count();
        }).Count);

    [Fact]
    public void windows_of_no_length_or_negative_grace() =>
        Assert.Equal(
            [
                "AGGREGATE-0000000001: the window size is 00:00:00; it must be at least one millisecond",
                "AGGREGATE-0000000001: the grace is -00:00:01; it must be zero or more",
            ],
            OfClicks(s => s.GroupBy(c => c.Path).WindowedBy(Tumbling.Of(TimeSpan.Zero).WithGrace(TimeSpan.FromSeconds(-1))).Count().ToTable("t")));

    public static TheoryData<int, int, string> Advances => new()
    {
        { 60_000, 0, "windows of 00:01:00 advance by 00:00:00; it must be at least one millisecond, and at most the size, or records would fall between windows" },
        { 60_000, 60_001, "windows of 00:01:00 advance by 00:01:00.0010000; it must be at least one millisecond, and at most the size, or records would fall between windows" },
        { 60_000, 10, "windows of 00:01:00 advance by 00:00:00.0100000: a record would belong to 6000 of them, and at most 1440 are allowed; make the advance longer" },
        { 1_441, 1, "windows of 00:00:01.4410000 advance by 00:00:00.0010000: a record would belong to 1441 of them, and at most 1440 are allowed; make the advance longer" },
    };

    [Theory]
    [MemberData(nameof(Advances))]
    public void an_advance_that_is_none_leaves_gaps_or_makes_too_many_windows(int size, int advance, string problem) =>
        Assert.Equal(
            [$"AGGREGATE-0000000001: {problem}"],
            OfClicks(s => s.GroupBy(c => c.Path).WindowedBy(Hopping.Of(TimeSpan.FromMilliseconds(size), TimeSpan.FromMilliseconds(advance))).Count().ToTable("t")));

    [Fact]
    public void windows_of_a_day_may_advance_by_the_minute()
    {
        var builder = new StreamBuilder();
        Clicks(builder).GroupBy(c => c.Path).WindowedBy(Hopping.Of(TimeSpan.FromDays(1), TimeSpan.FromMinutes(1))).Count().ToTable("t");
        Assert.Equal(["t"], builder.Build().Nodes.Select(n => n.Table?.Name).OfType<string>());
    }

    public static TheoryData<TimeSpan, string> Gaps => new()
    {
        { TimeSpan.Zero, "the gap between sessions is 00:00:00; it must be one millisecond to 366 days" },
        { TimeSpan.FromDays(367), "the gap between sessions is 367.00:00:00; it must be one millisecond to 366 days" },
        { TimeSpan.FromTicks(10_000_001), "the gap between sessions is 00:00:01.0000001; it must be whole microseconds, as PostgreSQL's times are" },
    };

    [Theory]
    [MemberData(nameof(Gaps))]
    public void a_gap_between_sessions_that_is_none_or_too_long_or_too_fine(TimeSpan gap, string problem) =>
        Assert.Equal([$"AGGREGATE-0000000001: {problem}"], OfClicks(s => s.GroupBy(c => c.Path).WindowedBy(Sessions.WithGap(gap)).Count().ToTable("t")));

    [Fact]
    public void late_records_without_windows() =>
        Assert.Equal(["LATE-0000000001: nothing is late without windows; put .WindowedBy(...) before .Late()"], OfClicks(s => s.GroupBy(c => c.Path).Late().To("late")));

    [Fact]
    public void a_missing_codec()
    {
        Assert.Equal(
            ["SINK-0000000002: no codec for values of type Int32: pass one, as in .To(\"out\", valueCodec: ...)"],
            OfClicks(s => s.MapValues(c => c.Status).To("out")));
        Assert.Equal(
            [
                "SINK-0000000002: no codec for keys of type String: pass one, as in .To(\"out\", keyCodec: ...)",
                "SINK-0000000002: no codec for values of type Int32: pass one, as in .To(\"out\", valueCodec: ...)",
            ],
            OfClicks(s => s.Map((_, c) => (c.Path, c.Status)).To("out")));
    }

    [Fact]
    public void the_raw_value_of_a_changed_one() =>
        Assert.Equal(
            ["TABLE-0000000002: WithRawValue(\"raw\") needs the value as it was read, and an operator changed it; write the table from the stream before that operator"],
            OfClicks(s => s.MapValues(c => c.Path).ToTable("t", t => t.WithRawValue("raw"))));

    [Fact]
    public void a_value_that_cannot_become_columns()
    {
        const string Why = "which cannot be a column; map it with .Column(name, ...), or keep the whole value with .WithRawValue(name)";
        Assert.Equal(
            [$"TABLE-0000000001: the property Odd.Address is of type Uri, {Why}", "TABLE-0000000001: table 't' has no columns for the value: Odd has no public properties; map them with .Column(name, ...)"],
            Problems(b => b.Stream("in", Codecs.Utf8, Codecs.Json<Odd>()).ToTable("t")));
        Assert.Equal(
            ["TABLE-0000000001: the column 'address' is of type Uri, which cannot be a column; use string, short, int, long, double, decimal, bool, DateTime, DateTimeOffset, Guid, byte[] and their nullable forms"],
            Problems(b => b.Stream("in", Codecs.Utf8, Codecs.Json<Odd>()).ToTable("t", t => t.Column("address", o => o.Address).Column("n", _ => 1))));
        Assert.Equal(
            ["TABLE-0000000002: table 't' has no columns for the value: Nothing has no public properties; map them with .Column(name, ...)"],
            Problems(b => b.Stream("in", Codecs.Utf8, Codecs.Utf8).FlatMapValues(_ => new[] { new Nothing() }).ToTable("t")));
    }

    [Fact]
    public void a_topology_is_frozen_when_it_is_built()
    {
        var builder = new StreamBuilder();
        var stream = Clicks(builder);
        stream.To("out");
        var topology = builder.Build();
        stream.To("later");
        Assert.Equal(["out"], topology.SinkTopics);
    }
}
