using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>Records that go through a topic of the application's own, to be partitioned by another key.</summary>
public sealed class RepartitionTests
{
    private static readonly DateTime Noon = EngineRun.Now;

    private static TopologyDriver Driver(Action<Stream<string, Reading>> declare, bool autoCommit = true)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time));
        return new TopologyDriver(builder.Build(), new TopologyDriverOptions { StartTime = Noon, AutoCommit = autoCommit });
    }

    private static void Pipe(TopologyDriver driver, string key, string group, long number, DateTime? time = null, int partition = 0) =>
        driver.Pipe("in", Codecs.Utf8, Codecs.Utf8, key, Reading.Text(group, number, time), timestamp: Noon, partition: partition);

    private static Stream<string, Reading> ByGroup(Stream<string, Reading> s) => s.SelectKey(r => r.Group).Repartition("by-group", Codecs.Utf8);

    [Fact]
    public void records_of_one_key_come_together_whatever_they_were_partitioned_by()
    {
        using var driver = Driver(s => ByGroup(s).Fold("sums", () => 0L, (sum, r) => sum + r.Number).To("out"));
        Pipe(driver, "k", "a", 1);
        Pipe(driver, "l", "a", 2, partition: 1);
        Pipe(driver, "m", "b", 4, partition: 2);
        Pipe(driver, "k", "a", 8);
        Assert.Equal(["a=1", "a=3", "b=4", "a=11"], driver.ReadOutput("out", Codecs.Utf8, Codecs.Json<long>()).Select(r => $"{r.Key}={r.Value}"));
        Assert.Equal(["by-group 0 a 11", "by-group 0 b 4"], driver.Table("sums").Select(r => $"{r["topic"]} {r["partition"]} {r["key"]} {r["state"]}"));
    }

    [Fact]
    public void event_time_headers_and_timestamp_go_along_and_origin_is_where_a_record_was_last()
    {
        using var driver = Driver(s => ByGroup(s).To("out"));
        driver.Pipe("in", "k"u8.ToArray(), "junk"u8.ToArray(), Noon);
        driver.Pipe("in", "k"u8.ToArray(), "a|1|1767262032000"u8.ToArray(), Noon.AddMinutes(-1), headers: [new("trace", "7"u8.ToArray()), new("none", null)]);
        var between = Assert.Single(driver.ReadOutput("by-group", Codecs.Utf8, Codecs.Utf8));
        Assert.Equal(["trace", "none", "streams-time", "origin"], between.Headers.Select(h => h.Key));
        Assert.Equal("in-0@1", Text(between.Headers[^1]));
        var record = Assert.Single(driver.ReadOutput("out", Codecs.Utf8, Codecs.Utf8));
        Assert.Equal(("a", "a|1|1767262032000", Noon.AddMinutes(-1)), (record.Key, record.Value, record.Timestamp));
        Assert.Equal(["trace", "none", "origin"], record.Headers.Select(h => h.Key));
        Assert.Equal("by-group-0@0", Text(record.Headers[^1]));

        static string Text(KeyValuePair<string, byte[]?> header) => System.Text.Encoding.UTF8.GetString(header.Value!);
    }

    [Fact]
    public void what_is_late_was_late_where_it_came_from_and_nothing_else_is()
    {
        // Partition 1 is an hour behind partition 0: none of its records is late, whatever came before them in the topic between.
        using var driver = Driver(s =>
        {
            var windows = ByGroup(s).GroupBy(r => r.Group, "grp").WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.Zero));
            windows.Count("n").ToTable("counts");
            windows.Late().To("late");
        });
        Pipe(driver, "k", "a", 1, Noon);
        Pipe(driver, "k", "a", 2, Noon.AddHours(-1), partition: 1);
        Pipe(driver, "k", "a", 3, Noon.AddHours(-1).AddSeconds(30), partition: 1);
        Pipe(driver, "k", "a", 4, Noon.AddHours(-1));
        Pipe(driver, "k", "a", 5, Noon.AddHours(-1).AddMinutes(2), partition: 1);
        Pipe(driver, "k", "a", 6, Noon.AddHours(-1), partition: 1);
        Assert.Equal(
            ["11:00 2", "11:02 1", "12:00 1"],
            driver.Table("counts").Select(r => FormattableString.Invariant($"{r["window_start"]:HH:mm} {r["n"]}")));
        Assert.Equal([4, 6], driver.ReadOutput("late", Codecs.Utf8, new ReadingCodec()).Select(r => r.Value.Number));
        Assert.Equal(2, driver.LateRecords);
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void windows_behind_it_have_what_windows_before_it_have(int seed)
    {
        var random = new Random(seed);
        using var driver = Driver(s =>
        {
            Windows(s, "before");
            Windows(ByGroup(s), "behind");
        });
        var times = new DateTime[3];
        Array.Fill(times, Noon.AddHours(-5));
        for (var i = 0; i < 300; i++)
        {
            var partition = random.Next(3);
            times[partition] = times[partition].AddSeconds(random.Next(40 * (partition + 1)));
            Pipe(driver, $"k{random.Next(9)}", $"g{random.Next(4)}", i, times[partition].AddSeconds(-random.Next(300)), partition);
        }

        Assert.Equal(Rows("before"), Rows("behind"));
        Assert.Equal(Rows("before-sessions"), Rows("behind-sessions"));
        Assert.NotEqual(0, driver.LateRecords);

        IEnumerable<string> Rows(string table) => driver.Table(table).Select(r => string.Join(' ', r.Values));

        static void Windows(Stream<string, Reading> s, string table)
        {
            s.GroupBy(r => r.Group, "grp").WindowedBy(Hopping.Of(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromSeconds(30))).Count("n").Sum(r => r.Number).ToTable(table);
            s.GroupBy(r => r.Group, "grp").WindowedBy(Sessions.WithGap(TimeSpan.FromSeconds(30)).WithGrace(TimeSpan.FromSeconds(30))).Count("n").ToTable($"{table}-sessions");
        }
    }

    [Fact]
    public void two_in_a_row_work_off_in_one_commit()
    {
        using var driver = Driver(
            s => ByGroup(s).SelectKey(r => r.Number % 2).Repartition("by-parity", Codecs.Int64).Fold("sums", () => 0L, (sum, r) => sum + r.Number), autoCommit: false);
        Pipe(driver, "k", "a", 1);
        Pipe(driver, "k", "b", 2);
        Pipe(driver, "k", "c", 3);
        Assert.Empty(driver.Table("sums"));
        driver.Commit();
        Assert.Equal(["0 2", "1 4"], driver.Table("sums").Select(r => $"{r["key"]} {r["state"]}"));
    }

    [Fact]
    public void what_somebody_else_writes_there_is_a_dead_letter()
    {
        var builder = new StreamBuilder();
        ByGroup(builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time)).To("out");
        using var run = new EngineRun(builder.Build(), topic: "by-group");
        run.Process(
            EngineRun.Record(0, "a", "a|1"),
            EngineRun.Record(1, "a", "a|1", null, new KeyValuePair<string, byte[]?>("streams-time", [0xFF, 0, 0, 0, 0, 0, 0, 0, 0xFF, 0, 0, 0, 0, 0, 0, 0])));
        run.Commit();
        Assert.Equal(
            [
                "The record has no header streams-time: the application has not written it, and nobody else may write to topic by-group.",
                "The header streams-time does not hold a time between the years 1970 and 9999.",
            ],
            run.Tables.DeadLetters.Select(l => l.Reason));
        using var driver = Driver(s => ByGroup(s).To("out"));
        Assert.StartsWith(
            "Topic 'by-group' is the topology's own, which nobody else writes;",
            Assert.Throws<ArgumentException>(() => driver.Pipe("by-group", Codecs.Utf8, Codecs.Utf8, "a", "a|1")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void what_another_application_left_there_is_passed_over()
    {
        var builder = new StreamBuilder();
        ByGroup(builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time)).Fold("sums", () => 0L, (sum, r) => sum + r.Number);
        var topology = builder.Build();
        LogRecord[] sent = [.. Send("earlier", 1), .. Send("present", 2), .. Send("", 4)];
        using var run = new EngineRun(topology, new TaskOptions { Application = "present" }, topic: "by-group");
        run.Process([.. sent.Select((r, i) => r with { Offset = i })]);
        run.Commit();
        Assert.Equal(["by-group 0 g 2"], run.Rows("sums"));
        Assert.Empty(run.DeadLetters);
        Assert.Equal((3L, 3L), (run.Task.NextOffset, run.Records));

        IReadOnlyList<LogRecord> Send(string application, long number)
        {
            using var task = new StreamTask(new TaskLayout(topology), new TopicPartition("in", 0), new TaskOptions { Application = application }, 0, null);
            using var batch = new MemoryRecordBatch(task.Partition, [EngineRun.Record(0, "k", Reading.Text("g", number))]);
            task.Process(batch, EngineRun.Now);
            var topicOut = new MemoryTopic();
            topicOut.AddAll(task.TakeChanges().Outputs[0]);
            return topicOut.ReadNew();
        }
    }

    [Fact]
    public void a_topic_that_is_not_its_own_and_a_missing_codec_are_told_at_build_time()
    {
        var builder = new StreamBuilder();
        var stream = builder.Stream("in", Codecs.Utf8, Codecs.Int64);
        stream.SelectKey(number => number).Repartition("by-number");
        stream.Repartition("both").To("out");
        stream.To("both");
        Assert.Equal(
            [
                "SINK-0000000002: no codec for keys of type Int64: pass one, as in .Repartition(\"by-number\", keyCodec: ...)",
                "SINK-0000000007: topic 'both' is written and also read by this topology, an endless loop; write to another topic",
            ],
            Assert.Throws<TopologyException>(builder.Build).Problems);
    }
}
