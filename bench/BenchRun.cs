using Spectre.Console;
using Streams.Bench.Live;
using Streams.Bench.Report;
using Streams.Bench.Throughput;

namespace Streams.Bench;

/// <summary>One run: servers, the chosen benchmarks, the table.</summary>
internal static class BenchRun
{
    public static async Task RunAsync(BenchOptions options, CancellationToken cancellation)
    {
        var benchmarks = Catalogue.Select(options.Only);
        var view = new RunView();
        await using var servers = await view.RunAsync("servers", _ => Servers.StartAsync(cancellation));
        view.Say(servers.Description);
        var results = await RunAsync(benchmarks, servers, options, view, cancellation);
        ResultTable.Print(AnsiConsole.Console, results);
        Console.WriteLine(servers.Description);
        if (options.JsonFile is { } json)
        {
            await File.WriteAllTextAsync(json, ResultTable.Json(results, servers.KafkaKind), cancellation);
        }

        if (options.MarkdownFile is { } markdown)
        {
            await File.WriteAllTextAsync(markdown, ResultTable.Markdown(results, servers.Description), cancellation);
        }
    }

    private static async Task<List<Result>> RunAsync(
        IReadOnlyList<Benchmark> benchmarks, Servers servers, BenchOptions options, RunView view, CancellationToken cancellation)
    {
        var run = Guid.NewGuid().ToString("N")[..8];
        var results = new List<Result>();
        if (benchmarks.Where(benchmark => benchmark.Group == Catalogue.Throughput).ToList() is { Count: > 0 } throughput)
        {
            results.AddRange(await new ThroughputSuite(servers, options, view, run).RunAsync(throughput, cancellation));
        }

        foreach (var (name, group, _) in benchmarks.Where(benchmark => benchmark.Group != Catalogue.Throughput))
        {
            if (group == Catalogue.Takeover && !servers.Kafka.IsReal)
            {
                view.Say($"{name}: left out, as the embedded Kafka does not settle the transaction of a killed node");
                continue;
            }

            results.Add(await (group switch
            {
                Catalogue.Live20K => new LiveRun(servers, options, view, run).RunAsync(name, cancellation),
                Catalogue.Latency => new LatencyRun(servers, options, view, run).RunAsync(name, cancellation),
                Catalogue.Startup => new StartRun(servers, options, view, run).RunAsync(name, cancellation),
                Catalogue.Takeover => new TakeoverRun(servers, options, view, run).RunAsync(
                    name, name == Catalogue.TakeoverEmpty ? 0 : options.StateRows, cancellation),
                _ => throw new BenchException($"Nothing runs the group {group}."),
            }));
        }

        return results;
    }
}
