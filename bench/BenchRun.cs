using Spectre.Console;
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
        var suite = new ThroughputSuite(servers, options, view, Guid.NewGuid().ToString("N")[..8]);
        if (suite.Clicks < options.Clicks)
        {
            view.Say($"The embedded Kafka holds no more than {suite.Clicks} clicks: {options.Clicks} were asked for.");
        }

        var results = await suite.RunAsync(benchmarks, cancellation);
        ResultTable.Print(AnsiConsole.Console, results);
        Console.WriteLine(servers.Description);
        if (options.JsonFile is { } json)
        {
            await File.WriteAllTextAsync(json, ResultTable.Json(results), cancellation);
        }

        if (options.MarkdownFile is { } markdown)
        {
            await File.WriteAllTextAsync(markdown, ResultTable.Markdown(results, servers.Description), cancellation);
        }
    }
}
