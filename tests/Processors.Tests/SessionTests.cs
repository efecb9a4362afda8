using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>Sessions against a naive recomputation, over input with reordering, duplicates and late records, from several partitions; and by example.</summary>
public sealed class SessionTests
{
    private const int Partitions = 3;
    private static readonly DateTime Noon = EngineRun.Now;

    private sealed record Session(string Grp, DateTime Start, DateTime End, long N, decimal Total_, long High, double? Mean);

    private static Topology Topology(SessionWindows sessions)
    {
        var builder = new StreamBuilder();
        var grouped = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time).GroupBy(r => r.Group, "grp").WindowedBy(sessions);
        grouped.Count("n").Sum(r => r.Number, "total").Max(r => r.Number, "high").Average(r => r.Quarter, "mean").ToTable("sessions").ToTopic("changes");
        grouped.Late().ToTable("late", t => t.Column("number", r => r.Number));
        return builder.Build();
    }

    private static List<Reading> Readings(Random random, TimeSpan gap)
    {
        var readings = new List<Reading>();
        var time = Noon.AddDays(-30);
        for (var i = 0; i < 200; i++)
        {
            time += gap * (random.Next(6) == 0 ? random.NextDouble() * 3 : random.NextDouble() * 0.3);
            var reordered = random.Next(3) == 0 ? gap * (random.NextDouble() * 4) : TimeSpan.Zero;
            var moment = random.Next(10) == 0 && readings.Count > 0 ? readings[^1].Time!.Value + gap : time - reordered;
            readings.Add(new Reading($"g{random.Next(4)}", random.Next(-50, 50), new DateTime(moment.Ticks - (moment.Ticks % TimeSpan.TicksPerMillisecond), DateTimeKind.Utc)));
        }

        return readings;
    }

    /// <summary>The readings that are not late, put in order and cut where two are too far apart.</summary>
    private static (IReadOnlyList<Session> Sessions, IReadOnlyList<(int Partition, long Offset)> Late) Recompute(List<List<Reading>> partitions, SessionWindows windows)
    {
        var taken = new List<Reading>();
        var late = new List<(int Partition, long Offset)>();
        for (var partition = 0; partition < partitions.Count; partition++)
        {
            var streamTime = DateTime.MinValue;
            for (var i = 0; i < partitions[partition].Count; i++)
            {
                var reading = partitions[partition][i];
                streamTime = reading.Time > streamTime ? reading.Time.Value : streamTime;
                if (streamTime - reading.Time!.Value > windows.Gap + windows.Grace)
                {
                    late.Add((partition, i));
                }
                else
                {
                    taken.Add(reading);
                }
            }
        }

        var sessions = new List<Session>();
        foreach (var group in taken.GroupBy(r => r.Group).OrderBy(g => g.Key, StringComparer.Ordinal))
        {
            var session = new List<Reading>();
            foreach (var reading in group.OrderBy(r => r.Time))
            {
                if (session.Count > 0 && reading.Time - session[^1].Time > windows.Gap)
                {
                    Close();
                }

                session.Add(reading);
            }

            Close();

            void Close()
            {
                sessions.Add(new Session(
                    group.Key, session[0].Time!.Value, session[^1].Time!.Value, session.Count, session.Sum(r => (decimal)r.Number), session.Max(r => r.Number), session.Average(r => r.Quarter)));
                session.Clear();
            }
        }

        return (sessions, late);
    }

    [Theory]
    [MemberData(nameof(Seeds.Many), MemberType = typeof(Seeds))]
    public void sessions_equal_a_recomputation_from_scratch(int seed)
    {
        var random = new Random(seed);
        var gap = TimeSpan.FromMilliseconds(new[] { 1, 20, 1_000, 1_800_000 }[random.Next(4)]);
        var windows = Sessions.WithGap(gap).WithGrace(gap * new[] { 0, 0.5, 3, 1_000 }[random.Next(4)]);
        var topology = Topology(windows);
        var tables = new MemoryTables(topology);
        var layout = new TaskLayout(topology);
        var partitions = Enumerable.Range(0, Partitions).Select(_ => Readings(random, gap)).ToList();
        var tasks = Enumerable.Range(0, Partitions).Select(p => new StreamTask(layout, new TopicPartition("in", p), new TaskOptions(), 0, null)).ToList();
        var last = new Dictionary<(object? Group, object? Start), object?[]>();
        while (tasks.Any(t => t.NextOffset < partitions[t.Partition.Partition].Count))
        {
            foreach (var task in tasks)
            {
                var from = (int)task.NextOffset;
                var records = partitions[task.Partition.Partition].Skip(from).Take(random.Next(60))
                    .Select((r, i) => EngineRun.Record(from + i, null, Reading.Text(r.Group, r.Number, r.Time))).ToList();
                using var batch = new MemoryRecordBatch(task.Partition, records);
                task.Process(batch, EngineRun.Now);
            }

            if (random.Next(2) == 0)
            {
                Commit();
            }
        }

        Commit();
        var (expected, late) = Recompute(partitions, windows);
        var rows = tables.Rows("sessions");
        Assert.Equal(expected, rows.Select(r => new Session((string)r[0]!, (DateTime)r[1]!, (DateTime)r[2]!, (long)r[3]!, (decimal)r[4]!, (long)r[5]!, (double?)r[8])));
        Assert.Equal(late, tables.Rows("late").Select(r => ((int)r[1]!, (long)r[2]!)).Order());
        Assert.Empty(tables.DeadLetters);

        // The changelog's last value of each key is its total; keys that are no more have none.
        Assert.Equal(rows, last.Values.OrderBy(r => (string)r[0]!, StringComparer.Ordinal).ThenBy(r => (DateTime)r[1]!));

        void Commit()
        {
            var changes = tasks.Select(t => t.TakeChanges()).ToList();
            using var transaction = tables.Begin(changes);
            foreach (var (totals, gone) in transaction.Totals.Zip(transaction.Gone))
            {
                for (var row = 0; row < totals.Count; row++)
                {
                    object?[] values = [.. totals.Columns.Select(c => c.ValueAt(row))];
                    last[(values[0], values[1])] = values;
                }

                for (var row = 0; row < gone.Count; row++)
                {
                    Assert.True(last.Remove((gone.Columns[0].ValueAt(row), gone.Columns[1].ValueAt(row))), "A key is taken back that was never sent.");
                }
            }

            transaction.Commit();
            foreach (var (task, change) in tasks.Zip(changes))
            {
                task.Recycle(change);
            }
        }
    }

    [Fact]
    public void a_record_between_two_sessions_makes_one_of_them_and_the_changelog_says_so()
    {
        using var driver = new TopologyDriver(Topology(Sessions.WithGap(TimeSpan.FromMinutes(10))), new TopologyDriverOptions { StartTime = Noon });
        Pipe(driver, 0);
        Pipe(driver, 10);
        Pipe(driver, 25);
        Assert.Equal(["g 12:00-12:10 2", "g 12:25-12:25 1"], Rows(driver));
        Assert.Equal(["12:00 = 1", "12:00 = 2", "12:25 = 1"], Changes(driver));

        Pipe(driver, 17);
        Assert.Equal(["g 12:00-12:25 4"], Rows(driver));
        Assert.Equal(["12:00 = 4", "12:25 = gone"], Changes(driver));

        Pipe(driver, -5);
        Assert.Equal(["g 11:55-12:25 5"], Rows(driver));
        Assert.Equal(["11:55 = 5", "12:00 = gone"], Changes(driver));
    }

    [Fact]
    public void a_record_is_late_once_stream_time_is_more_than_gap_and_grace_ahead_even_beside_an_open_session()
    {
        var sessions = Sessions.WithGap(TimeSpan.FromMinutes(10)).WithGrace(TimeSpan.FromMinutes(5));
        using var driver = new TopologyDriver(Topology(sessions), new TopologyDriverOptions { StartTime = Noon.AddHours(1) });
        Pipe(driver, 0);
        Pipe(driver, 10);
        Pipe(driver, 15);
        Pipe(driver, 0);
        Pipe(driver, -0.001);
        Assert.Equal(["g 12:00-12:15 4"], Rows(driver));
        Assert.Equal(1, driver.LateRecords);
        Assert.Single(driver.Table("late"));
    }

    [Fact]
    public void keys_that_may_have_been_sent_before_are_those_of_muted_records_and_of_repeated_deltas()
    {
        using var task = new StreamTask(
            new TaskLayout(Topology(Sessions.WithGap(TimeSpan.FromMinutes(10)))), new TopicPartition("in", 0), new TaskOptions { MaxFuture = TimeSpan.FromDays(1) }, 0, null, muteBelow: 2);
        using var batch = new MemoryRecordBatch(
            task.Partition, [.. new[] { 3, 1, 35, 33 }.Select((minute, i) => EngineRun.Record(i, null, Reading.Text("g", i, Noon.AddMinutes(minute))))]);
        task.Process(batch, EngineRun.Now);
        var changes = task.TakeChanges().Aggregates[0];
        Assert.Equal(["12:03", "12:01"], Keys(changes.EarlierKeys(isRepeated: false)));
        Assert.Equal(["12:01", "12:33", "12:03", "12:01"], Keys(changes.EarlierKeys(isRepeated: true)));

        static IEnumerable<string> Keys(RowBuffer? keys) => Enumerable.Range(0, keys!.Count).Select(row => $"{keys.Columns[1].ValueAt(row):HH:mm}");
    }

    private static void Pipe(TopologyDriver driver, double minutes) =>
        driver.Pipe("in", Codecs.Utf8, Codecs.Utf8, "k", Reading.Text("g", 1, Noon.AddMinutes(minutes)), Noon);

    private static IEnumerable<string> Rows(TopologyDriver driver) =>
        driver.Table("sessions").Select(r => $"{r["grp"]} {r["session_start"]:HH:mm}-{r["session_end"]:HH:mm} {r["n"]}");

    private static IEnumerable<string> Changes(TopologyDriver driver) =>
        driver.ReadOutput("changes", Codecs.Json<Key>(), Codecs.NullableValue(Codecs.Json<Value>())).Select(r => $"{r.Key!.SessionStart:HH:mm} = {(r.Value is { } value ? $"{value.N}" : "gone")}");

    private sealed record Key([property: Newtonsoft.Json.JsonProperty("session_start")] DateTime SessionStart);

    private readonly record struct Value(long N);
}
