using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>Every aggregate against a naive recomputation, over input with reordering, duplicates and late records, from several partitions.</summary>
public sealed class AggregateOracleTests
{
    private const int Partitions = 3;
    private static readonly DateTime Start = EngineRun.Now.AddHours(-6);

    private sealed record Total(DateTime WindowStart, string Grp, long N, decimal Total_, long Low, long High, double? Mean)
    {
        public static Total Of(DateTime start, string group, IReadOnlyCollection<Reading> readings) => new(
            start,
            group,
            readings.Count,
            readings.Sum(r => (decimal)r.Number),
            readings.Min(r => r.Number),
            readings.Max(r => r.Number),
            readings.Average(r => r.Quarter));
    }

    private static TimeWindows Windows(Random random)
    {
        var size = TimeSpan.FromSeconds(new[] { 1, 7, 60, 3600 }[random.Next(4)]);
        var windows = random.Next(2) == 0 ? Tumbling.Of(size) : Hopping.Of(size, TimeSpan.FromMilliseconds(random.NextInt64((long)size.TotalMilliseconds / 10, (long)size.TotalMilliseconds + 1)));
        return windows.WithGrace(TimeSpan.FromSeconds(new[] { 0, 0, 1, 90, 100_000 }[random.Next(5)]));
    }

    private static Topology Topology(TimeWindows windows)
    {
        var builder = new StreamBuilder();
        var grouped = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time).GroupBy(r => r.Group, "grp").WindowedBy(windows);
        grouped.Count("n").Sum(r => r.Number, "total").Min(r => r.Number, "low").Max(r => r.Number, "high").Average(r => r.Quarter, "mean")
            .ToTable("totals").ToTopic("changes");
        grouped.Late().ToTable("late", t => t.Column("number", r => r.Number));
        return builder.Build();
    }

    private static List<Reading> Readings(Random random)
    {
        var readings = new List<Reading>();
        var time = Start;
        for (var i = 0; i < 300; i++)
        {
            time += TimeSpan.FromMilliseconds(random.Next(5) == 0 ? random.Next(200_000) : random.Next(3_000));
            var reordered = random.Next(3) == 0 ? TimeSpan.FromMilliseconds(random.Next(150_000)) : TimeSpan.Zero;
            var reading = new Reading($"g{random.Next(5)}", random.Next(10) == 0 ? long.MaxValue - random.Next(10) : random.Next(-50, 50), time - reordered);
            readings.Add(reading);
            if (random.Next(8) == 0)
            {
                readings.Add(readings[random.Next(readings.Count)]);
            }
        }

        return readings;
    }

    /// <summary>What must come out, recomputed from scratch: each reading in every window that holds it and is not closed.</summary>
    /// <returns>The totals; how many readings came too late for some window; partition and offset of those that did for all.</returns>
    private static (IReadOnlyList<Total> Totals, long Late, IReadOnlyList<(int Partition, long Offset)> Refused) Recompute(
        List<List<Reading>> partitions, TimeWindows windows)
    {
        var taken = new List<(DateTime Start, Reading Reading)>();
        var refused = new List<(int Partition, long Offset)>();
        long late = 0;
        var advance = (long)windows.Advance.TotalMilliseconds;
        for (var partition = 0; partition < partitions.Count; partition++)
        {
            var readings = partitions[partition];
            for (var i = 0; i < readings.Count; i++)
            {
                var time = readings[i].Time!.Value;
                var streamTime = readings.Take(i + 1).Max(r => r.Time!.Value);
                var last = EngineRun.Milliseconds(time) / advance * advance;
                var starts = Enumerable.Range(0, (int)(windows.Size / windows.Advance) + 1).Select(back => DateTime.UnixEpoch.AddMilliseconds(last - (back * advance)))
                    .Where(start => time < start + windows.Size).ToList();
                var open = starts.Where(start => streamTime - start < windows.Size + windows.Grace).ToList();
                taken.AddRange(open.Select(start => (start, readings[i])));
                late += open.Count < starts.Count ? 1 : 0;
                if (open.Count == 0)
                {
                    refused.Add((partition, i));
                }
            }
        }

        return (
            [
                .. taken.GroupBy(t => (t.Start, t.Reading.Group)).OrderBy(g => g.Key.Start).ThenBy(g => g.Key.Group, StringComparer.Ordinal)
                    .Select(g => Total.Of(g.Key.Start, g.Key.Group, [.. g.Select(t => t.Reading)])),
            ],
            late,
            refused);
    }

    [Theory]
    [MemberData(nameof(Seeds.Many), MemberType = typeof(Seeds))]
    public void aggregates_equal_a_recomputation_from_scratch(int seed)
    {
        var random = new Random(seed);
        var windows = Windows(random);
        var topology = Topology(windows);
        var tables = new MemoryTables(topology);
        var layout = new TaskLayout(topology);
        var partitions = Enumerable.Range(0, Partitions).Select(_ => Readings(random)).ToList();
        var tasks = Enumerable.Range(0, Partitions).Select(p => new StreamTask(layout, new TopicPartition("in", p), new TaskOptions(), 0, null)).ToList();
        var last = new Dictionary<(object?, object?), object?[]>();
        long late = 0;

        while (tasks.Any(t => t.NextOffset < partitions[t.Partition.Partition].Count))
        {
            foreach (var task in tasks)
            {
                var readings = partitions[task.Partition.Partition];
                var from = (int)task.NextOffset;
                var records = readings.Skip(from).Take(random.Next(80)).Select((r, i) => EngineRun.Record(from + i, null, Reading.Text(r.Group, r.Number, r.Time))).ToList();
                using var batch = new MemoryRecordBatch(task.Partition, records);
                task.Process(batch, EngineRun.Now);
            }

            if (random.Next(2) == 0)
            {
                Commit();
            }
        }

        Commit();
        var expected = Recompute(partitions, windows);
        var actual = tables.Rows("totals").Select(r => new Total((DateTime)r[0]!, (string)r[1]!, (long)r[2]!, (decimal)r[3]!, (long)r[4]!, (long)r[5]!, (double?)r[8]));
        Assert.Equal(expected.Totals, actual);
        Assert.Equal(expected.Late, late);
        Assert.Equal(expected.Refused, tables.Rows("late").Select(r => ((int)r[1]!, (long)r[2]!)).Order());
        Assert.Empty(tables.DeadLetters);

        // The changelog's last value of each key is its total.
        Assert.Equal(tables.Rows("totals"), last.Values.OrderBy(r => (DateTime)r[0]!).ThenBy(r => (string)r[1]!, StringComparer.Ordinal));

        void Commit()
        {
            var changes = tasks.Select(t => t.TakeChanges()).ToList();
            using var transaction = tables.Begin(changes);
            foreach (var totals in transaction.Totals)
            {
                for (var row = 0; row < totals.Count; row++)
                {
                    object?[] values = [.. totals.Columns.Select(c => c.ValueAt(row))];
                    last[(values[0], values[1])] = values;
                }
            }

            late += changes.Sum(c => c.Late);
            transaction.Commit();
            foreach (var (task, change) in tasks.Zip(changes))
            {
                task.Recycle(change);
            }
        }
    }
}
