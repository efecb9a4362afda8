using System.CommandLine;
using Streams.Bench.Children;
using Streams.Bench.Micro;

namespace Streams.Bench;

/// <summary>The program <c>./dev bench</c>.</summary>
internal static class Program
{
    private static readonly Option<long> Events = new("--events")
    {
        Description = "How many clicks the input has.",
        HelpName = "N",
        DefaultValueFactory = _ => BenchOptions.DefaultClicks,
    };

    private static readonly Option<string[]> Only = new("--only")
    {
        Description = "Run these benchmarks only, and those that they are compared with; names or groups, separated by commas.",
        HelpName = "NAME,...",
    };

    private static readonly Option<string?> Json = new("--json") { Description = "Write the results to this file as JSON.", HelpName = "FILE" };

    private static readonly Option<string?> Markdown = new("--markdown") { Description = "Write the table to this file as Markdown.", HelpName = "FILE" };

    private static readonly Option<long> Seed = new("--seed")
    {
        Description = "The same seed makes the same clicks.",
        HelpName = "N",
        DefaultValueFactory = _ => 1,
    };

    private static readonly Option<double?> Seconds = new("--seconds")
    {
        Description = "How long live-20k and each latency is measured. Default: 30 and 10.",
        HelpName = "N",
    };

    private static readonly Option<long> StateRows = new("--state-rows")
    {
        Description = "How many rows of state takeover-5m has.",
        HelpName = "N",
        DefaultValueFactory = _ => new BenchOptions().StateRows,
    };

    private static readonly Option<string[]> Set = new("--set")
    {
        Description = "A setting for the measured nodes, such as Streams:CommitInterval=00:00:00.050.",
        HelpName = "KEY=VALUE",
    };

    private static async Task<int> Main(string[] args)
    {
        if (args is [ChildProgram.Verb])
        {
            return await ChildProgram.RunAsync();
        }

        var root = new RootCommand("Benchmarks on a Kafka and a PostgreSQL of their own. " + Benchmarks())
        {
            Events, Only, Json, Markdown, Seed, Seconds, StateRows, Set, MicroRun.Create(),
        };
        AtLeast(Events, 1);
        AtLeast(StateRows, 0);
        root.SetAction(RunAsync);
        return await root.Parse(args).InvokeAsync(new InvocationConfiguration { ProcessTerminationTimeout = TimeSpan.FromSeconds(30) });
    }

    private static void AtLeast(Option<long> option, long least) => option.Validators.Add(result =>
    {
        if (result.GetValueOrDefault<long>() < least)
        {
            result.AddError($"{option.Name} must be {least} or more.");
        }
    });

    private static string Benchmarks() =>
        "They are:\n" + string.Join('\n', Catalogue.All.Select(b => $"  {b.Name,-20} {b.What}"));

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation)
    {
        try
        {
            await BenchRun.RunAsync(Options(arguments), cancellation);
            return 0;
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            await Console.Error.WriteLineAsync("Interrupted.");
            return 130;
        }
        catch (Exception e) when (e is BenchException or Hosting.Embedded.EmbeddedServerException or DllNotFoundException or IOException)
        {
            await Console.Error.WriteLineAsync(e.Message);
            return 1;
        }
    }

    private static BenchOptions Options(ParseResult arguments) => new()
    {
        LiveDuration = arguments.GetValue(Seconds) is { } live ? TimeSpan.FromSeconds(live) : new BenchOptions().LiveDuration,
        LatencyDuration = arguments.GetValue(Seconds) is { } latency ? TimeSpan.FromSeconds(latency) : new BenchOptions().LatencyDuration,
        StateRows = arguments.GetValue(StateRows),
        Clicks = arguments.GetValue(Events),
        Seed = arguments.GetValue(Seed),
        Only = [.. (arguments.GetValue(Only) ?? []).SelectMany(names => names.Split(',', StringSplitOptions.TrimEntries | StringSplitOptions.RemoveEmptyEntries))],
        JsonFile = arguments.GetValue(Json),
        MarkdownFile = arguments.GetValue(Markdown),
        Settings = (arguments.GetValue(Set) ?? []).Select(setting => setting.Split('=', 2)).ToDictionary(
            pair => pair[0], pair => pair.Length == 2 ? (string?)pair[1] : throw new BenchException($"--set {pair[0]} has no value: write --set KEY=VALUE.")),
    };
}
