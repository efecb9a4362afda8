using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>
/// The engine's first law: the same input gives the same results wherever batches are cut and whenever a commit comes
/// between. The topology uses every operator, and every kind of record that can fail does.
/// </summary>
public sealed class BatchLawTests
{
    private const int Records = 400;
    private static readonly DateTime Start = EngineRun.Now.AddHours(-2);

    private static Topology EveryOperator()
    {
        var builder = new StreamBuilder();
        var readings = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time).Peek((_, _) => { });
        readings.To("all");

        var branches = readings.Branch(r => r.Number % 3 == 0, r => r.Number % 3 == 1 || r.Number < 0);
        var merged = branches[1].MapValues(r => r with { Number = r.Number * 2 }).Merge(branches[0], readings.Filter((key, r) => key is not null && r.Number > 80));
        merged.To("merged", valueCodec: new ReadingCodec());
        merged.ToTable("merged", t => t.Column("grp", r => r.Group).Column("number", r => r.Number));

        var exploded = readings.FlatMapValues(r => Enumerable.Range(0, (int)Math.Abs(r.Number % 4)).Select(i => r.Number == 77 && i == 2 ? throw new InvalidOperationException("77 cannot be split.") : r.Number + i));
        exploded.ToTable("exploded");
        exploded.SelectKey(number => number % 10).To("exploded", Codecs.Int64, Codecs.Int64);

        readings.ToTable("latest", t => t.Key("grp", r => r.Group).Column("number", r => r.Number).Column("sign", r => r.Number == 13 ? null : "fine"));
        readings.Filter(r => r.Number == 42).ToTable("unlucky", t => t.Column("text", _ => "NUL \0"));
        readings.Map((key, r) => (r.Group, r.Number == 55 ? throw new InvalidOperationException("55 is refused.") : r.Number)).To("mapped", Codecs.Utf8, Codecs.Int64);

        readings.GroupBy(r => r.Group, "grp").WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromSeconds(30)))
            .Count().Sum(r => r.Number).Min(r => r.Number).Max(r => r.Number).Average(r => r.Quarter).ToTable("windowed").ToTopic("windowed-changes");
        readings.GroupByKey("client").Count("n").ToTable("by_client");
        var hops = readings.GroupBy(r => r.Group, "grp").WindowedBy(Hopping.Of(TimeSpan.FromMinutes(2), TimeSpan.FromSeconds(50)).WithGrace(TimeSpan.FromSeconds(10)));
        hops.Count("n").Max(r => r.Number).ToTable("hopping");
        hops.Late().To("late");
        readings.GroupBy(r => r.Number % 5, "remainder").WindowedBy(Sessions.WithGap(TimeSpan.FromSeconds(15)).WithGrace(TimeSpan.FromSeconds(20)))
            .Count("n").Min(r => r.Number).ToTable("sessions").ToTopic("session-changes");
        merged.GroupBy(r => r.Number % 7, "remainder").WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(5)).WithGrace(TimeSpan.Zero)).Sum(r => r.Quarter).ToTable("quarters");

        // A record whose key has a state that refuses it is refused by all.
        var keyed = readings.Filter((key, _) => key is not null);
        keyed.Fold("folded", () => new Chain(0, "-"), (chain, r) => chain.Then(r.Number)).To("folded");
        var reduced = keyed.MapValues(r => r.Number).Reduce("reduced", (kept, number) => number % 2 == 0 ? kept + (number % 100) : number % 100);
        reduced.Process("processed", (Record<string, long> record, Kept? kept, Action<string> emit) =>
        {
            for (var i = 0; i < Math.Abs(record.Value % 3); i++)
            {
                emit($"{kept?.Number} {record.Value}");
            }

            return record.Value % 4 == 0 ? null : record.Value == 33 ? throw new InvalidOperationException("33 is not kept.") : new Kept(record.Value);
        }).To("processed", valueCodec: Codecs.Utf8);
        return builder.Build();
    }

    private sealed record Kept(long Number);

    /// <summary>Depends on the order of what it is made of; cannot be stored once it has got a 66.</summary>
    private sealed record Chain(int Length, string Text)
    {
        public Chain Then(long number) => new(Length + 1, number == 66 ? "NUL \0" : $"{Text[^Math.Min(Text.Length, 20)..]},{number}");
    }

    private static List<LogRecord> Input(Random random)
    {
        var records = new List<LogRecord>();
        var time = Start;
        var offset = random.Next(3);
        for (var i = 0; i < Records; i++, offset += random.Next(10) == 0 ? 2 : 1)
        {
            time += TimeSpan.FromSeconds(random.Next(8));
            var late = random.Next(4) == 0 ? TimeSpan.FromSeconds(random.Next(300)) : TimeSpan.Zero;
            var key = random.Next(12) == 0 ? null : $"client {random.Next(5)}";
            var group = $"group {random.Next(6)}";
            var value = random.Next(25) switch
            {
                0 => null,
                1 => "",
                2 => "neither group nor number",
                3 => Reading.Text(group, 1, EngineRun.Now.AddHours(2)),
                4 => Reading.Text(group, 1, DateTime.UnixEpoch.AddMilliseconds(-1)),
                5 => Reading.Text(group + "\0", 1, time),
                6 => Reading.Text(group, long.MaxValue / random.Next(1, 4), time),
                7 => Reading.Text(group, long.MinValue / random.Next(1, 4), time),
                _ => Reading.Text(group, random.Next(-100, 100), random.Next(5) == 0 ? null : time - late),
            };
            records.Add(EngineRun.Record(offset, key, value, time));
        }

        return records;
    }

    private static EngineRun Run(Topology topology, IReadOnlyList<LogRecord> input, Func<int> batchSize, Func<bool> commits, TaskOptions? options = null)
    {
        var run = new EngineRun(topology, options);
        for (var i = 0; i < input.Count;)
        {
            var size = Math.Min(batchSize(), input.Count - i);
            run.Process([.. input.Skip(i).Take(size)]);
            i += size;
            if (commits())
            {
                run.Commit();
            }
        }

        run.Commit();
        return run;
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void where_batches_are_cut_does_not_matter(int seed)
    {
        var random = new Random(seed);
        var topology = EveryOperator();
        var input = Input(random);
        using var whole = Run(topology, input, () => Records, () => false);
        using var single = Run(topology, input, () => 1, () => false, new TaskOptions { StateCacheBytes = random.Next(600) });
        using var cut = Run(topology, input, () => random.Next(1, 60), () => false, new TaskOptions { StateCacheBytes = random.Next(600) });

        Assert.Equal(whole.Everything(), single.Everything());
        Assert.Equal(whole.Everything(), cut.Everything());
        Assert.NotEmpty(whole.DeadLetters);
        Assert.NotEqual(0, whole.Late);
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void when_commits_come_does_not_matter(int seed)
    {
        var random = new Random(seed);
        var topology = EveryOperator();
        var input = Input(random);
        using var whole = Run(topology, input, () => Records, () => false);
        using var committed = Run(topology, input, () => random.Next(1, 40), () => random.Next(3) == 0, new TaskOptions { StateCacheBytes = random.Next(600) });

        Assert.Equal(whole.Everything(), committed.Everything());
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void records_that_come_again_are_passed_over(int seed)
    {
        var random = new Random(seed);
        var topology = EveryOperator();
        var input = Input(random);
        using var once = Run(topology, input, () => 20, () => false);
        using var again = new EngineRun(topology);
        for (var i = 0; i < input.Count; i += 20)
        {
            again.Process([.. input.Skip(Math.Max(0, i - random.Next(50))).Take(random.Next(10))]);
            var from = random.Next(i + 1);
            again.Process([.. input.Skip(from).Take(i - from + 20)]);
        }

        again.Commit();
        Assert.Equal(once.Everything(), again.Everything());
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void a_task_that_goes_back_to_its_last_commit_gets_the_same(int seed)
    {
        var random = new Random(seed);
        var topology = EveryOperator();
        var input = Input(random);
        using var whole = Run(topology, input, () => Records, () => false);

        var cut = random.Next(1, input.Count);
        using var first = new EngineRun(topology);
        first.Process([.. input.Take(cut)]);
        first.Commit();
        first.Process([.. input.Skip(cut).Take(random.Next(1, 100))]);
        using var second = new EngineRun(topology, nextOffset: input[cut - 1].Offset + 1, streamTime: TimeAt(topology, input, cut), tables: first.Tables);
        second.Process([.. input.Skip(cut)]);
        second.Commit();

        Assert.Equal(whole.Everything().Where(IsTable), second.Everything().Where(IsTable));
        Assert.Equal(whole.DeadLetters, second.DeadLetters);
        Assert.Equal(whole.Late, first.Late + second.Late);
        Assert.Equal(whole.Sent.Order(StringComparer.Ordinal), first.Sent.Concat(second.Sent).Order(StringComparer.Ordinal));

        static bool IsTable(string line) => line.Contains(": ", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void with_stop_the_same_records_go_through_wherever_batches_are_cut(int seed)
    {
        var random = new Random(seed);
        var topology = EveryOperator();
        var input = Input(random);
        var options = new TaskOptions { OnError = ErrorPolicy.Stop };
        var (whole, wholeError) = UntilStopped(() => Records);
        var (cut, cutError) = UntilStopped(() => random.Next(1, 9));
        Assert.Equal(wholeError, cutError);
        Assert.Equal(whole, cut);

        (IReadOnlyList<string> Results, string Error) UntilStopped(Func<int> size)
        {
            using var run = new EngineRun(topology, options);
            var next = 0;
            var error = Assert.Throws<RecordFailedException>(Drive);
            run.Commit();
            return (run.Everything(), error.Message);

            void Drive()
            {
                while (next < input.Count)
                {
                    var batch = input.Skip(next).Take(size()).ToList();
                    next += batch.Count;
                    run.Process(batch);
                }
            }
        }
    }

    private static DateTime? TimeAt(Topology topology, List<LogRecord> input, int count)
    {
        using var run = new EngineRun(topology);
        run.Process([.. input.Take(count)]);
        return run.Task.StreamTime;
    }
}
