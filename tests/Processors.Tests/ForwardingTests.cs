using System.Text;
using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>What a sink sends: bytes as they were read where nothing changed them, encoded values elsewhere.</summary>
public sealed class ForwardingTests
{
    private static KeyValuePair<string, byte[]?> Header(string name, string? value) => new(name, value is null ? null : Encoding.UTF8.GetBytes(value));

    private static ChangeSet Changes(Topology topology, params IReadOnlyList<LogRecord> records)
    {
        var task = new StreamTask(new TaskLayout(topology), new TopicPartition("in", 5), new TaskOptions(), 0, null);
        using var batch = new MemoryRecordBatch(task.Partition, records);
        task.Process(batch, EngineRun.Now);
        return task.TakeChanges();
    }

    private static Topology Build(Action<Stream<string, Reading>> declare, ICodec<string>? keyCodec = null)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", keyCodec ?? new ForbiddenCodec<string>(), new ReadingCodec(), r => r.Time));
        return builder.Build();
    }

    [Fact]
    public void an_unchanged_record_is_forwarded_byte_for_byte_with_headers_timestamp_and_origin()
    {
        var time = EngineRun.Now.AddDays(-400);
        byte[] key = [0xFF, 0x00, 0xFE];
        using var changes = Changes(
            Build(s => s.Filter(r => r.Number > 0).To("out")),
            new LogRecord(17, key, Encoding.UTF8.GetBytes("a|007"), EngineRun.Milliseconds(time), [Header("trace", "1"), Header("empty", ""), Header("none", null), Header("trace", "2")]));

        var output = Assert.Single(changes.Outputs);
        Assert.Equal(1, output.Count);
        Assert.Equal(key, output.Key(0).ToArray());
        Assert.Equal("a|007", Encoding.UTF8.GetString(output.Value(0)));
        Assert.Equal(EngineRun.Milliseconds(time), output.TimestampMs(0));
        Assert.Equal(
            [("trace", "1"), ("empty", ""), ("none", null), ("trace", "2"), ("origin", "in-5@17")],
            HeaderList.Unpack(output.Headers(0)).Select(h => (h.Key, h.Value is null ? null : Encoding.UTF8.GetString(h.Value))));
    }

    [Fact]
    public void event_time_does_not_become_the_kafka_timestamp_unless_there_is_none()
    {
        var event1 = new DateTime(2015, 5, 17, 10, 5, 3, DateTimeKind.Utc);
        using var changes = Changes(
            Build(s => s.To("out")),
            new LogRecord(0, null, Encoding.UTF8.GetBytes(Reading.Text("a", 1, event1)), 1_767_000_000_000, []),
            new LogRecord(1, null, Encoding.UTF8.GetBytes(Reading.Text("a", 1, event1)), null, []));
        Assert.Equal(1_767_000_000_000, changes.Outputs[0].TimestampMs(0));
        Assert.Equal(EngineRun.Milliseconds(event1), changes.Outputs[0].TimestampMs(1));
    }

    [Fact]
    public void a_key_that_nobody_reads_is_never_decoded()
    {
        using var run = new EngineRun(Build(s =>
        {
            s.To("out");
            s.MapValues(r => r.Number).SelectKey(n => n).To("numbers", Codecs.Int64, Codecs.Int64);
            s.FlatMapValues(r => new[] { r.Group }).ToTable("groups", t => t.Column("grp", g => g));
            s.GroupBy(r => r.Group).Count().ToTable("counts");
        }));
        run.Process(EngineRun.Record(0, "key", "a|1"));
        run.Commit();
        Assert.Empty(run.DeadLetters);
        Assert.Equal("out key=a|1", run.Sent[0]);
    }

    public static TheoryData<string> KeyReaders => ["filter", "map", "mapvalues", "selectkey", "flatmap", "peek", "group", "groupbykey", "table", "to", "merged"];

    [Theory]
    [MemberData(nameof(KeyReaders))]
    public void a_key_that_somebody_reads_is_decoded(string reader)
    {
        using var run = new EngineRun(Build(s =>
        {
            s.To("out");
            switch (reader)
            {
                case "filter": s.Filter((key, _) => key is not null).To("x"); break;
                case "map": s.Map((key, r) => (key, r)).To("x", Codecs.Utf8, new ReadingCodec()); break;
                case "mapvalues": s.MapValues((key, r) => r).To("x", valueCodec: new ReadingCodec()); break;
                case "selectkey": s.SelectKey((key, _) => key).To("x", Codecs.Utf8); break;
                case "flatmap": s.FlatMap((key, r) => new[] { (key, r) }).To("x", Codecs.Utf8, new ReadingCodec()); break;
                case "peek": s.Peek((_, _) => { }).To("x"); break;
                case "group": s.GroupBy((key, _) => key).Count().ToTable("x"); break;
                case "groupbykey": s.GroupByKey().Count().ToTable("x"); break;
                case "table": s.ToTable("x", t => t.ColumnOf("k", r => r.Key)); break;
                case "to": s.To("x", Codecs.Utf8); break;
                default: s.Merge(s.SelectKey(r => r.Group)).To("x", Codecs.Utf8); break;
            }
        }));
        run.Process(EngineRun.Record(0, "key", "a|1"));
        run.Commit();
        Assert.Equal(["in-0@0 SOURCE-0000000000: This was not to be decoded."], run.DeadLetters);
    }

    [Fact]
    public void the_source_s_own_codecs_forward_and_others_encode()
    {
        var key = Codecs.Utf8;
        using var changes = Changes(
            Build(
                s =>
                {
                    s.To("same", key);
                    s.To("other", valueCodec: new ReadingCodec());
                },
                key),
            EngineRun.Record(0, "key", "a|007"));
        Assert.Equal("a|007", Encoding.UTF8.GetString(changes.Outputs[0].Value(0)));
        Assert.Equal("a|7", Encoding.UTF8.GetString(changes.Outputs[1].Value(0)));
        Assert.Equal("key", Encoding.UTF8.GetString(changes.Outputs[1].Key(0)));
    }

    [Fact]
    public void nulls_and_empty_ones_stay_what_they_are()
    {
        var builder = new StreamBuilder();
        var texts = builder.Stream("in", Codecs.Utf8, Codecs.Nullable(Codecs.Utf8));
        texts.To("forwarded");
        texts.Map((key, value) => (key, value)).To("encoded", Codecs.Utf8, Codecs.Utf8);
        using var run = new EngineRun(builder.Build());
        run.Process(EngineRun.Record(0, null, null), EngineRun.Record(1, "", ""), EngineRun.Record(2, null, "v"), EngineRun.Record(3, "k", null));
        run.Commit();
        Assert.Equal(["null=null", "=", "null=v", "k=null"], run.Sent.Take(4).Select(s => s["forwarded ".Length..]));
        Assert.Equal(["null=null", "=", "null=v", "k=null"], run.Sent.Skip(4).Select(s => s["encoded ".Length..]));
    }

    [Fact]
    public void streams_read_with_different_codecs_are_not_forwarded_into_one_topic()
    {
        var builder = new StreamBuilder();
        var text = builder.Stream("in", Codecs.Utf8, Codecs.Utf8);
        text.Merge(builder.Stream("json", Codecs.Utf8, Codecs.Json<string>())).To("out");
        Assert.Equal(
            ["SINK-0000000003: no codec for values of type String: pass one, as in .To(\"out\", valueCodec: ...)"],
            Assert.Throws<TopologyException>(builder.Build).Problems);
    }

    [Fact]
    public void muting_drops_what_was_forwarded_and_nothing_else()
    {
        var topology = Build(s =>
        {
            s.To("out");
            s.ToTable("rows", t => t.Column("number", r => r.Number));
            s.GroupBy(r => r.Group, "grp").Count("n").ToTable("counts").ToTopic("changes");
        });
        using var run = new EngineRun(topology, muteBelow: 2);
        run.Process(EngineRun.Record(0, "k", "a|0"), EngineRun.Record(1, "k", "a|1"), EngineRun.Record(2, "k", "a|2"));
        run.Process(EngineRun.Record(3, "k", "a|3"));
        run.Commit();
        Assert.Equal(["out k=a|2", "out k=a|3"], run.Sent);
        Assert.Equal(4, run.Rows("rows").Count);
        Assert.Equal(["a 4"], run.Rows("counts"));
    }

    [Fact]
    public void a_muted_record_is_refused_as_it_was_when_it_was_sent()
    {
        var topology = Build(s =>
        {
            s.MapValues(r => new string('x', (int)r.Number)).To("out", valueCodec: Codecs.Utf8);
            s.GroupBy(r => r.Group, "grp").Count("n").ToTable("counts");
        });
        var options = new TaskOptions { MaxRecordBytes = 100 };
        LogRecord[] records = [EngineRun.Record(0, "k", "a|50"), EngineRun.Record(1, "k", "a|500"), EngineRun.Record(2, "k", "a|50")];
        using var sent = new EngineRun(topology, options);
        sent.Process(records);
        sent.Commit();
        using var muted = new EngineRun(topology, options, muteBelow: 3);
        muted.Process(records);
        muted.Commit();

        Assert.Equal(["in-0@1 SINK-0000000002: The record for topic out has 501 bytes; Streams:MaxRecordBytes allows 100."], sent.DeadLetters);
        Assert.Equal(sent.DeadLetters, muted.DeadLetters);
        Assert.Equal(["a 2"], muted.Rows("counts"));
        Assert.Empty(muted.Sent);
    }
}
