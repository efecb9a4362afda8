using System.Globalization;
using System.Text;
using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>Dead letters that go through the topology once more, after what made them fail has passed.</summary>
public sealed class ReplayTests
{
    private static readonly DateTime Noon = EngineRun.Now;

    /// <summary>Every kind of sink behind a node that refuses the numbers it is told to.</summary>
    private static Topology Refusing(ISet<long> refused)
    {
        var builder = new StreamBuilder();
        var readings = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time)
            .MapValues(r => refused.Contains(r.Number) ? throw new InvalidOperationException($"{r.Number} is refused.") : r);
        readings.To("out", valueCodec: new ReadingCodec());
        readings.ToTable("rows", t => t.Column("number", r => r.Number));
        readings.GroupBy(r => r.Group, "grp").WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1))).Count("n").ToTable("counts");
        return builder.Build();
    }

    private static ReplayRecord Again(DeadLetter letter, long number) => new(letter.Partition, letter.Offset, number)
    {
        RawKey = letter.Key,
        RawValue = letter.Value,
        KafkaTimeMs = letter.TimestampMs,
        Headers = letter.Headers,
        StreamTime = letter.StreamTime,
    };

    /// <summary>Records in and out of order, some hours late; the refused ones never are the latest, so that the others' lateness does not hang on them.</summary>
    private static List<LogRecord> Readings(Random random, int count, HashSet<long> refused)
    {
        var records = new List<LogRecord>();
        var latest = Noon;
        for (var i = 0; i < count; i++)
        {
            var isRefused = i > 0 && random.Next(4) == 0;
            var time = random.Next(6) switch
            {
                0 => latest.AddMinutes(-random.Next(1, 200)),
                _ => latest.AddSeconds(random.Next(isRefused ? -80 : -20, isRefused ? 1 : 30)),
            };
            latest = time > latest ? time : latest;
            records.Add(EngineRun.Record(i, $"k{i}", Reading.Text($"g{random.Next(3)}", i, time)));
            if (isRefused)
            {
                refused.Add(i);
            }
        }

        return records;
    }

    private static void ProcessInPieces(EngineRun run, List<LogRecord> records, Random random)
    {
        for (var at = 0; at < records.Count;)
        {
            var size = Math.Min(random.Next(1, 40), records.Count - at);
            run.Process(records.GetRange(at, size));
            at += size;
        }
    }

    private static string[] Tables(EngineRun run) => [.. run.Rows("rows").Order(StringComparer.Ordinal), .. run.Rows("counts")];

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void a_replay_gives_what_live_processing_would_have_given(int seed)
    {
        var options = new TaskOptions { MaxFuture = TimeSpan.FromDays(1) };
        var random = new Random(seed);
        var refused = new HashSet<long>();
        var records = Readings(random, 300, refused);
        using var live = new EngineRun(Refusing(new HashSet<long>()), options);
        live.Process(records);
        live.Commit();

        var refusing = new HashSet<long>(refused);
        using var run = new EngineRun(Refusing(refusing), options);
        ProcessInPieces(run, records, random);
        run.Commit();
        Assert.Equal(refused.Order(), run.Tables.DeadLetters.Select(l => l.Offset));
        var (offset, time) = (run.Task.NextOffset, run.Task.StreamTime);
        refusing.Clear();
        long number = 0;
        foreach (var letter in run.Tables.DeadLetters.OrderBy(_ => random.Next()).ToList())
        {
            run.Task.Replay(Again(letter, ++number), isMuted: false, Noon);
        }

        run.Commit();
        Assert.Equal(Tables(live), Tables(run));
        Assert.Equal(live.Sent.Order(StringComparer.Ordinal), run.Sent.Order(StringComparer.Ordinal));
        Assert.Equal(live.Late, run.Late);
        Assert.Equal((offset, time), (run.Task.NextOffset, run.Task.StreamTime));
        Assert.Equal(records.Count, run.Records);
    }

    [Fact]
    public void a_replay_is_judged_by_the_stream_time_that_it_found_and_moves_no_clock()
    {
        var refused = new HashSet<long> { 1, 4 };
        using var run = new EngineRun(Refusing(refused), new TaskOptions { MaxFuture = TimeSpan.FromDays(1) });
        run.Process(
            EngineRun.Record(0, "k", Reading.Text("a", 0, Noon)),
            EngineRun.Record(1, "k", Reading.Text("a", 1, Noon.AddSeconds(1))),
            EngineRun.Record(2, "k", Reading.Text("a", 2, Noon.AddHours(1))),
            EngineRun.Record(3, "k", "junk"),
            EngineRun.Record(4, "k", Reading.Text("a", 4, Noon.AddHours(2))));
        run.Commit();
        var letters = run.Tables.DeadLetters.ToList();
        Assert.Equal([Noon, Noon.AddHours(1), Noon.AddHours(1)], letters.Select(l => l.StreamTime));

        refused.Clear();
        run.Task.Replay(Again(letters[0], 1), isMuted: false, Noon);
        run.Task.Replay(Again(letters[2], 2), isMuted: false, Noon);
        run.Process(EngineRun.Record(5, "k", Reading.Text("a", 5, Noon.AddHours(1).AddSeconds(1))));
        run.Commit();
        Assert.Equal(0, run.Late);
        Assert.Equal(["2026-01-01T12:00:00 a 2", "2026-01-01T13:00:00 a 2", "2026-01-01T14:00:00 a 1"], run.Rows("counts"));
        Assert.Equal(Noon.AddHours(1).AddSeconds(1), run.Task.StreamTime);
    }

    [Fact]
    public void the_first_record_of_a_partition_found_no_stream_time()
    {
        using var run = new EngineRun(Refusing(new HashSet<long> { 0, 1 }));
        run.Process(EngineRun.Record(0, "k", "a|0"), EngineRun.Record(1, "k", "a|1"));
        run.Commit();
        Assert.Equal([null, null], run.Tables.DeadLetters.Select(l => l.StreamTime));
    }

    [Fact]
    public void records_that_are_passed_over_lend_no_stream_time()
    {
        var refused = new HashSet<long> { 2 };
        using var run = new EngineRun(Refusing(refused), nextOffset: 2, streamTime: Noon.AddMinutes(-5));
        run.Process(EngineRun.Record(0, "k", "a|0"), EngineRun.Record(1, "k", "a|1"), EngineRun.Record(2, "k", "a|2"), EngineRun.Record(3, "k", "a|3"));
        run.Commit();
        Assert.Equal(Noon.AddMinutes(-5), Assert.Single(run.Tables.DeadLetters).StreamTime);
    }

    [Theory]
    [InlineData(ErrorPolicy.DeadLetter)]
    [InlineData(ErrorPolicy.Skip)]
    [InlineData(ErrorPolicy.Stop)]
    public void what_fails_again_has_no_effect_and_is_no_second_dead_letter(ErrorPolicy policy)
    {
        using var run = new EngineRun(Refusing(new HashSet<long> { 7 }), new TaskOptions { OnError = policy });
        run.Process(EngineRun.Record(20, "k", "a|1"));
        var record = new ReplayRecord(run.Task.Partition, 7, 3) { RawValue = "a|7"u8.ToArray(), KafkaTimeMs = EngineRun.Milliseconds(Noon) };
        run.Task.Replay(record, isMuted: false, Noon);
        using var changes = run.Task.TakeChanges();
        var replay = Assert.Single(changes.Replays);
        Assert.Equal((7, 3, "MAPVALUES-0000000001", "7 is refused."), (replay.Offset, replay.Number, replay.Failure?.Node, replay.Failure?.Reason));
        Assert.Empty(changes.DeadLetters);
        Assert.Equal(1, changes.Records);
        Assert.Equal(1, Assert.Single(changes.Outputs).Count);
        Assert.Equal(1, Assert.Single(changes.Rows).Count);
    }

    [Fact]
    public void a_replay_alone_makes_a_change_set_that_is_not_empty()
    {
        using var run = new EngineRun(Refusing(new HashSet<long>()), nextOffset: 50, streamTime: Noon);
        run.Task.Replay(new ReplayRecord(run.Task.Partition, 7, 1) { RawValue = "a|7"u8.ToArray(), KafkaTimeMs = EngineRun.Milliseconds(Noon) }, isMuted: false, Noon);
        var changes = run.Task.TakeChanges();
        Assert.False(changes.IsEmpty);
        Assert.Equal((50, Noon, 0), (changes.NextOffset, changes.StreamTime, changes.Records));
        Assert.Equal([new Replay(7, 1, null)], changes.Replays);
        run.Task.Recycle(changes);
        Assert.True(run.Task.TakeChanges().IsEmpty);
    }

    [Fact]
    public void a_muted_replay_counts_and_sends_nothing_and_the_mute_of_records_stays_as_it_was()
    {
        using var run = new EngineRun(Refusing(new HashSet<long>()), muteBelow: 11);
        run.Process(EngineRun.Record(10, "k", "a|10"));
        run.Task.Replay(new ReplayRecord(run.Task.Partition, 3, 1) { RawValue = "a|3"u8.ToArray(), KafkaTimeMs = EngineRun.Milliseconds(Noon) }, isMuted: true, Noon);
        run.Task.Replay(new ReplayRecord(run.Task.Partition, 4, 2) { RawValue = "a|4"u8.ToArray(), KafkaTimeMs = EngineRun.Milliseconds(Noon) }, isMuted: false, Noon);
        run.Process(EngineRun.Record(11, "k", "a|11"));
        run.Commit();
        Assert.Equal(["out null=a|4", "out k=a|11"], run.Sent);
        Assert.Equal(["2026-01-01T12:00:00 a 4"], run.Rows("counts"));
    }

    [Fact]
    public void a_replayed_record_is_forwarded_as_it_came_under_its_own_origin()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, new ReadingCodec()).To("out");
        using var run = new EngineRun(builder.Build(), new TaskOptions { MaxRecordBytes = 5 });
        KeyValuePair<string, byte[]?>[] headers = [new("trace", [0, 255]), new("none", null), new("trace", "again"u8.ToArray())];
        run.Process(EngineRun.Record(8, "key", "group|1", Noon.AddDays(-9), headers));
        run.Commit();
        var letter = Assert.Single(run.Tables.DeadLetters);
        Assert.Equal("The record has 10 bytes; Streams:MaxRecordBytes allows 5.", letter.Reason);

        using var larger = new EngineRun(builder.Build(), nextOffset: 9);
        larger.Task.Replay(Again(letter, 1), isMuted: false, Noon);
        using var changes = larger.Task.TakeChanges();
        var sent = Assert.Single(changes.Outputs);
        Assert.Equal(("key", "group|1"), (Encoding.UTF8.GetString(sent.Key(0)), Encoding.UTF8.GetString(sent.Value(0))));
        Assert.Equal(EngineRun.Milliseconds(Noon.AddDays(-9)), sent.TimestampMs(0));
        Assert.Equal(
            ["trace=00FF", "none=null", "trace=616761696E", $"origin={Convert.ToHexString("in-0@8"u8)}"],
            HeaderList.Unpack(sent.Headers(0)).Select(h => $"{h.Key}={(h.Value is null ? "null" : Convert.ToHexString(h.Value))}"));
    }

    [Fact]
    public void reason_and_error_of_a_dead_letter_are_bounded_and_name_every_cause()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, new ReadingCodec()).MapValues(r => Deep(30, r)).To("out", valueCodec: new ReadingCodec());
        using var run = new EngineRun(builder.Build());
        run.Process(EngineRun.Record(0, "k", "a|1"));
        run.Commit();
        var letter = Assert.Single(run.Tables.DeadLetters);
        Assert.Equal(ErrorSummary.MaxReasonLength, letter.Reason.Length);
        Assert.StartsWith("It went wrong: xxx", letter.Reason, StringComparison.Ordinal);
        Assert.EndsWith("xxx ...", letter.Reason, StringComparison.Ordinal);
        Assert.True(letter.Error!.Length <= ErrorSummary.MaxLength);
        Assert.StartsWith("System.InvalidOperationException: It went wrong: xxx", letter.Error, StringComparison.Ordinal);
        Assert.Contains("\n---> System.FormatException: The cause.\n   at ", letter.Error, StringComparison.Ordinal);
        Assert.Matches("\n   \\.\\.\\. and [0-9]+ more\n---> ", letter.Error);
    }

    private static Reading Deep(int depth, Reading reading)
    {
        if (depth > 0)
        {
            return Deep(depth - 1, reading) with { Number = reading.Number + depth };
        }

        try
        {
            throw new FormatException("The cause.");
        }
        catch (FormatException e)
        {
            throw new InvalidOperationException(string.Create(CultureInfo.InvariantCulture, $"It went wrong: {new string('x', 5000)}"), e);
        }
    }
}
