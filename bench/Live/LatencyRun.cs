using System.Globalization;
using Streams.Bench.Report;

namespace Streams.Bench.Live;

/// <summary>From the moment a click is produced (its Kafka timestamp) to the moment its row can be seen in PostgreSQL.</summary>
internal sealed class LatencyRun(Servers servers, BenchOptions options, RunView view, string run)
{
    /// <summary>The rates and commit intervals that are measured, and their names.</summary>
    public static IReadOnlyList<(string Name, int PerSecond, TimeSpan Interval)> Cases { get; } =
    [
        .. from perSecond in new[] { 10_000, 50_000 }
           from milliseconds in new[] { 20, 100, 1000 }
           select (string.Create(CultureInfo.InvariantCulture, $"latency-{perSecond / 1000}k-{milliseconds}ms"), perSecond, TimeSpan.FromMilliseconds(milliseconds)),
    ];

    public Task<Result> RunAsync(string name, CancellationToken cancellation) => view.RunAsync(name, async progress =>
    {
        var (_, perSecond, interval) = Cases.Single(c => c.Name == name);
        await using var stage = await Stage.CreateAsync(servers, options, run, name);
        var node = await stage.StartReadyNodeAsync(
            [new("Streams:CommitInterval", interval.ToString("c", CultureInfo.InvariantCulture))], cancellation);
        await using var probe = CommitProbe.Start(stage);

        // The first quarter is for the runtime to compile in, and does not count.
        var duration = options.LatencyDuration * 4 / 3;
        var facts = await stage.FeedAsync(perSecond, duration, progress, cancellation);
        await stage.CheckAsync(facts, cancellation);
        await probe.StopAsync();
        return ToResult(name, perSecond, Latencies(stage, probe, duration / 4), node.PeakMegabytes);
    });

    private static double[] Latencies(Stage stage, CommitProbe probe, TimeSpan warmUp)
    {
        var records = new List<(long TimestampMs, double LatencyMs)>();
        stage.ReadInput((in record) =>
        {
            if (probe.VisibleMs(record.Partition, record.Offset) is { } visible)
            {
                records.Add((record.TimestampMs, visible - record.TimestampMs));
            }
        });
        var from = records.Min(r => r.TimestampMs) + warmUp.TotalMilliseconds;
        double[] latencies = [.. records.Where(r => r.TimestampMs >= from).Select(r => r.LatencyMs)];
        Array.Sort(latencies);
        return latencies;
    }

    private static Result ToResult(string name, double perSecond, double[] sorted, double peakMegabytes)
    {
        var (p50, p99, p999) = (At(0.5), At(0.99), At(0.999));
        return new Result
        {
            Name = name,
            EventsPerSecond = perSecond,
            PeakRssMegabytes = peakMegabytes,
            Further = [new("p50_ms", p50), new("p99_ms", p99), new("p999_ms", p999), new("max_ms", sorted[^1]), new("clicks", sorted.Length)],
            Note = string.Create(CultureInfo.InvariantCulture, $"p50 {p50:N0} ms, p99 {p99:N0} ms, p99.9 {p999:N0} ms"),
        };

        double At(double quantile) => sorted[Math.Min(sorted.Length - 1, (int)(quantile * sorted.Length))];
    }
}
