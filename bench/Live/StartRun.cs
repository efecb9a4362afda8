using System.Globalization;
using Streams.Bench.Report;

namespace Streams.Bench.Live;

/// <summary>From the start of the process to <c>/health/ready</c>: the first time, with tables and topics to make, and again.</summary>
internal sealed class StartRun(Servers servers, BenchOptions options, RunView view, string run)
{
    private const int Restarts = 3;

    public Task<Result> RunAsync(string name, CancellationToken cancellation) => view.RunAsync(name, async progress =>
    {
        await using var stage = await Stage.CreateAsync(servers, options, run, name);
        var times = new List<TimeSpan>();
        var peak = 0.0;
        for (var i = 0; i <= Restarts; i++)
        {
            var node = stage.StartNode();
            times.Add(await node.WaitUntilReadyAsync(cancellation));
            peak = Math.Max(peak, node.PeakMegabytes);
            await node.StopAsync();
            progress((i + 1.0) / (Restarts + 1));
        }

        var first = times[0].TotalMilliseconds;
        var again = times.Skip(1).Order().ElementAt(Restarts / 2).TotalMilliseconds;
        return new Result
        {
            Name = name,
            PeakRssMegabytes = peak,
            Further = [new("first_ms", first), new("ready_ms", again)],
            Note = string.Create(CultureInfo.InvariantCulture, $"ready after {again:N0} ms; the first time, with tables and topics to make, {first:N0} ms"),
        };
    });
}
