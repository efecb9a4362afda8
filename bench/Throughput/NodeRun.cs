using System.Diagnostics;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging;
using Streams.Bench.Children;
using Streams.Bench.Measuring;
using Streams.Hosting;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Hosting.Telemetry;

namespace Streams.Bench.Throughput;

/// <summary>
/// A node as production runs it, in this process, catching up with the input. Measured from the moment it has its partitions, a
/// few milliseconds before the first record, to the commit of the last one.
/// </summary>
internal static class NodeRun
{
    private static readonly TimeSpan ReadyPatience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan StandstillPatience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan ReadyPause = TimeSpan.FromMilliseconds(1);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(5);

    public static async Task<ChildResult> RunAsync(Job job)
    {
        await using var app = Create(job);
        await app.StartAsync();
        var health = app.Services.GetRequiredService<NodeHealth>();
        var totals = app.Services.GetRequiredService<NodeTotals>();
        WaitUntilReady(app, health);
        var start = Usage.Now(totals.Records);
        var (middle, end) = await CatchUpAsync(app, job, totals);
        var result = ChildResult.Of(start, middle, end) with { Refused = totals.Late + totals.DeadLetters };
        await app.StopAsync();
        return result;
    }

    /// <summary>The clients' settings, as the node takes them from its configuration.</summary>
    public static KafkaSettings KafkaSettings(Job job) => Hosting.Kafka.KafkaSettings.From(Configuration(new ConfigurationBuilder(), job).Build());

    private static WebApplication Create(Job job) => StreamsApplication.Create(Shapes.Build(job.Shape, job.Names), configure: builder =>
    {
        builder.Configuration.Sources.Clear();
        Configuration(builder.Configuration, job);
        builder.Logging.SetMinimumLevel(LogLevel.Warning);
    });

    private static IConfigurationBuilder Configuration(IConfigurationBuilder builder, Job job) => builder.AddInMemoryCollection(
    [
        new("ConnectionStrings:Kafka", job.Kafka),
        new("ConnectionStrings:Postgres", job.Postgres),
        new("Streams:ApplicationId", job.Application),
        new("Urls", "http://127.0.0.1:0"),
        .. job.Settings,
    ]);

    private static void WaitUntilReady(WebApplication app, NodeHealth health)
    {
        var since = Stopwatch.GetTimestamp();
        while (!health.IsReady)
        {
            if (app.Lifetime.ApplicationStopping.IsCancellationRequested || Stopwatch.GetElapsedTime(since) > ReadyPatience)
            {
                throw new BenchException($"The node does not get ready: {string.Join("; ", health.Problems)}");
            }

            Thread.Sleep(ReadyPause);
        }
    }

    private static async Task<(Usage Middle, Usage End)> CatchUpAsync(WebApplication app, Job job, NodeTotals totals)
    {
        var clicks = job.Traffic.Clicks;
        var all = clicks + job.Repartitioned;
        var progress = new Progress(all);
        Usage? middle = null;
        var last = (Records: 0L, At: Stopwatch.GetTimestamp());
        while (true)
        {
            var records = totals.Records;
            if (records >= all)
            {
                var end = Usage.Now(clicks + (records - all));
                return (middle ?? end, end);
            }

            if (records > last.Records)
            {
                last = (records, Stopwatch.GetTimestamp());
            }
            else if (Stopwatch.GetElapsedTime(last.At) > StandstillPatience || app.Lifetime.ApplicationStopping.IsCancellationRequested)
            {
                throw new BenchException($"The node stands still after {records} of {all} records.");
            }

            middle ??= records >= all / 2 ? Usage.Now((long)((double)records / all * clicks)) : null;
            progress.Report(records);
            await Task.Delay(Pause);
        }
    }
}
