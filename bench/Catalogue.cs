using Streams.Bench.Live;

namespace Streams.Bench;

/// <summary>A benchmark that can be asked for.</summary>
/// <param name="Name">Its name in results.</param>
/// <param name="Group">Which others it is usually run with.</param>
/// <param name="What">What it measures, for <c>--help</c>.</param>
internal sealed record Benchmark(string Name, string Group, string What);

/// <summary>All benchmarks, in the order in which they run.</summary>
internal static class Catalogue
{
    public const string Limit = "limit";
    public const string FilterToTopic = "filter-to-topic";
    public const string FilterToTable = "filter-to-table";
    public const string CopyLimit = "copy-limit";
    public const string MainExactlyOnce = "main-exactly-once";
    public const string MainAtLeastOnce = "main-at-least-once";
    public const string MainPlainClasses = "main-plain-classes";
    public const string Sessions = "sessions";
    public const string Fold = "fold";
    public const string Repartition = "repartition";

    public const string Live20K = "live-20k";
    public const string Startup = "startup";
    public const string TakeoverEmpty = "takeover-0";
    public const string TakeoverLarge = "takeover-5m";

    /// <summary>The group of those that read the whole input.</summary>
    public const string Throughput = "throughput";

    /// <summary>The group of those that measure latency.</summary>
    public const string Latency = "latency";

    /// <summary>The group of those that kill a node.</summary>
    public const string Takeover = "takeover";

    public static IReadOnlyList<Benchmark> All { get; } =
    [
        new(Limit, Throughput, "a bare rd_kafka_consume_batch_queue loop over the input"),
        new(FilterToTopic, Throughput, "errors to a topic, exactly once"),
        new(FilterToTable, Throughput, "errors to a table"),
        new(CopyLimit, Throughput, "the rows of filter-to-table with COPY alone, over one connection"),
        new(MainExactlyOnce, Throughput, "the main job: errors to a topic and a table, counts to a table and a topic"),
        new(MainAtLeastOnce, Throughput, "the same without Kafka's transactions"),
        new(MainPlainClasses, Throughput, "the main job with an ordinary class and Codecs.FastJson, exactly once"),
        new(Sessions, Throughput, "session windows of errors per path and status, to a table and a topic, exactly once"),
        new(Fold, Throughput, "a state per client, changed by each of its errors, to a table and a topic, exactly once"),
        new(Repartition, Throughput, "a state per path, changed by each of its errors, which go through a topic to come together, exactly once"),
        new(Live20K, Live20K, "CPU of the main job at 20,000 clicks/s, exactly once, a commit every 100 ms"),
        .. LatencyRun.Cases.Select(c => new Benchmark(c.Name, Latency, $"from producing a click to its row: {c.PerSecond:N0} clicks/s, a commit every {c.Interval.TotalMilliseconds:N0} ms")),
        new(Startup, Startup, "from the start of the process to ready"),
        new(TakeoverEmpty, Takeover, "after kill -9 of one of two nodes, until the other one has committed in its place"),
        new(TakeoverLarge, Takeover, "the same with 5 million rows of state (--state-rows)"),
    ];

    /// <summary>The benchmarks asked for by name or group, in their order, with those that they need; all of them for none.</summary>
    /// <exception cref="BenchException">There is no such name.</exception>
    public static IReadOnlyList<Benchmark> Select(IReadOnlyCollection<string> asked)
    {
        if (asked.Count == 0)
        {
            return All;
        }

        var unknown = asked.Where(name => !All.Any(b => b.Name == name || b.Group == name)).ToList();
        if (unknown.Count > 0)
        {
            throw new BenchException($"There is no benchmark {string.Join(", ", unknown)}. There are: {string.Join(", ", All.Select(b => b.Name))}; "
                + $"and the groups {string.Join(", ", All.Select(b => b.Group).Distinct())}.");
        }

        var chosen = All.Where(b => asked.Contains(b.Name) || asked.Contains(b.Group)).Select(b => b.Name).ToHashSet();
        if (chosen.Contains(CopyLimit))
        {
            chosen.Add(FilterToTable);
        }

        // Ratios are to the limit of the same run.
        if (All.Any(b => b.Group == Throughput && chosen.Contains(b.Name)))
        {
            chosen.Add(Limit);
        }

        return [.. All.Where(b => chosen.Contains(b.Name))];
    }
}
