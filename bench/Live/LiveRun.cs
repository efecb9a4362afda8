using System.Globalization;
using Streams.Bench.Report;

namespace Streams.Bench.Live;

/// <summary>What a node costs that has little to do: 20,000 clicks a second, exactly once, a commit every 100 ms.</summary>
internal sealed class LiveRun(Servers servers, BenchOptions options, RunView view, string run)
{
    private const double PerSecond = 20_000;

    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(10);

    public Task<Result> RunAsync(string name, CancellationToken cancellation) => view.RunAsync(name, async progress =>
    {
        await using var stage = await Stage.CreateAsync(servers, options, run, name);
        var node = await stage.StartReadyNodeAsync([new("Streams:CommitInterval", "00:00:00.100")], cancellation);

        // The first quarter is for the runtime to compile in, and does not count.
        var fed = 0.0;
        var feeding = stage.FeedAsync(PerSecond, options.LiveDuration * 4 / 3, done => progress(fed = done), cancellation);
        await UntilAsync(() => fed >= 0.25, feeding, cancellation);
        var start = await node.UsageAsync(cancellation);
        await UntilAsync(() => fed >= 0.97, feeding, cancellation);
        var end = await node.UsageAsync(cancellation);
        await stage.CheckAsync(await feeding, cancellation);

        var used = end.Since(start);
        var share = used.Cpu / used.Elapsed;
        return new Result
        {
            Name = name,
            EventsPerSecond = used.PerSecond,
            CpuMicrosecondsPerEvent = used.CpuMicrosecondsPerRecord,
            BytesPerEvent = used.BytesPerRecord,
            PeakRssMegabytes = node.PeakMegabytes,
            Further = [new("core_share", share), new("seconds", used.Elapsed.TotalSeconds)],
            Note = string.Create(CultureInfo.InvariantCulture, $"{share * 100:N1}% of a core"),
        };
    });

    private static async Task UntilAsync(Func<bool> condition, Task feeding, CancellationToken cancellation)
    {
        while (!condition() && !feeding.IsCompleted)
        {
            await Task.Delay(Look, cancellation);
        }
    }
}
