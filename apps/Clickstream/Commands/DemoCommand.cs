using System.CommandLine;
using System.CommandLine.Parsing;
using System.Diagnostics;
using System.Globalization;
using Microsoft.Extensions.Options;
using Npgsql;
using Streams.Hosting;
using Streams.Hosting.Embedded;

namespace Clickstream;

/// <summary>The command <c>demo</c>: servers, traffic and pipeline in one process, shown live, and checked at the end.</summary>
internal static class DemoCommand
{
    private const int Partitions = 4;
    private const double DefaultRate = 1000;
    private const int Interrupted = 130;

    private static readonly TimeSpan ReadyPatience = TimeSpan.FromSeconds(60);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);

    private static readonly Option<TimeSpan?> For = DurationOption.Create("--for", "End after this time, such as 20s or 2m. Default: when interrupted.");

    private static readonly Option<double> Rate = NumberOption.Create(
        "--rate", "a number above 0", n => n > 0, "Clicks per second.", defaultValue: DefaultRate);

    private static readonly Option<string?> From = new("--from")
    {
        Description = "Replay an access log, over and over, as if it happened now. Default: made-up clicks.",
        HelpName = "FILE",
    };

    private static readonly Option<long> Seed = NumberOption.Create(
        "--seed", "an integer", _ => true, "The same seed makes the same clicks.", defaultValue: 1L);

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("demo", "See it work: starts a Kafka and a PostgreSQL of its own, sends clicks, runs the pipeline and shows it live.")
        {
            For, Rate, From, Seed, Output,
        };
        command.Validators.Add(Validate);
        command.SetAction(RunAsync);
        return command;
    }

    private static void Validate(CommandResult result)
    {
        if (result.GetValue(From) is { } file && !File.Exists(file))
        {
            result.AddError($"There is no file {file}.");
        }
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken interrupt)
    {
        var isJson = arguments.GetValue(Output) == OutputFormat.Json;
        var view = new DemoView(linesOnly: isJson);
        try
        {
            return await RunAsync(arguments, view, isJson, interrupt);
        }
        catch (Exception e) when (interrupt.IsCancellationRequested && e is OperationCanceledException or EmbeddedServerException)
        {
            // Ctrl-C also reaches the programs that set PostgreSQL up, which then fail.
            Console.Error.WriteLine("Interrupted before the traffic began.");
            return Interrupted;
        }
        catch (Exception e) when (e is DemoException or ClickSendException or EmbeddedServerException or OptionsValidationException
            or StreamsConfigurationException or DllNotFoundException or IOException or UnauthorizedAccessException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static async Task<int> RunAsync(ParseResult arguments, DemoView view, bool isJson, CancellationToken interrupt)
    {
        var configuration = Settings.Load();
        var names = configuration.Names();
        var topology = ClickstreamTopology.Build(names);

        await using var servers = await StartServersAsync(view, interrupt);
        await view.StepAsync($"Creating topics, {Partitions} partitions each", () =>
        {
            servers.CreateTopics(topology, Partitions);
            return Task.FromResult(string.Join(", ", topology.SourceTopics.Concat(topology.SinkTopics)));
        });
        await using var node = await StartNodeAsync(view, () => DemoNode.StartAsync(topology, configuration, servers, interrupt), interrupt);

        using var follower = new TopicFollower(servers.Kafka.BootstrapServers, names, Partitions);
        await using var source = NpgsqlDataSource.Create(servers.Postgres.ConnectionString);
        var tables = new DemoTables(source, node.Application, topology, names);
        using var sender = new ClickSender(servers.Kafka.BootstrapServers, names.Clicks, []);
        var clicks = Source(arguments);
        using var owned = clicks as IDisposable;
        var traffic = new DemoTraffic(clicks, sender, new Pace(arguments.GetValue(Rate), TimeProvider.System));
        var session = new DemoSession(node, traffic, follower, tables, names, arguments.GetValue(For));

        view.Say("");
        var running = session.RunAsync(interrupt);
        await view.RunAsync(session.State, Hints(servers, node, tables, names), running);
        return Finish(arguments, await running, session, node, names, isJson);
    }

    private static async Task<EmbeddedServers> StartServersAsync(DemoView view, CancellationToken interrupt)
    {
        EmbeddedServers? servers = null;
        await view.StepAsync("Starting Kafka and PostgreSQL, both empty and gone afterwards", async () =>
        {
            var watch = Stopwatch.StartNew();
            servers = await Task.Run(() => EmbeddedServers.StartAsync(interrupt), interrupt);
            return string.Create(CultureInfo.InvariantCulture, $"{watch.Elapsed.TotalSeconds:N1} s");
        });
        return servers!;
    }

    private static async Task<DemoNode> StartNodeAsync(DemoView view, Func<Task<DemoNode>> start, CancellationToken interrupt)
    {
        DemoNode? node = null;
        try
        {
            await view.StepAsync("Starting the node", async () =>
            {
                var watch = Stopwatch.StartNew();
                node = await start();
                await node.WaitUntilReadyAsync(ReadyPatience, interrupt);
                return string.Create(CultureInfo.InvariantCulture, $"ready after {watch.Elapsed.TotalSeconds:N1} s");
            });
            return node!;
        }
        catch
        {
            if (node is not null)
            {
                await node.StopAsync(StopPatience);
                await node.DisposeAsync();
            }

            throw;
        }
    }

    private static IClickSource Source(ParseResult arguments)
    {
        if (arguments.GetValue(From) is { } file)
        {
            return new AccessLogClicks(() => File.OpenRead(file), loop: true, TimeProvider.System, (_, _) => { });
        }

        return new GeneratedClicks(
            new ClickGenerator(arguments.GetValue(Seed), DateTime.UtcNow, arguments.GetValue(Rate)), long.MaxValue);
    }

    /// <summary>How to look for oneself. Short enough for 80 columns, so that they can be copied from the screen.</summary>
    private static string[] Hints(EmbeddedServers servers, DemoNode node, DemoTables tables, ClickstreamNames names) =>
    [
        "Look for yourself, in another terminal:",
        $"  psql {servers.Postgres.Uri}",
        $"    SELECT * FROM {tables.CountsTable} ORDER BY n DESC LIMIT 10;",
        $"  kcat -b {servers.Kafka.BootstrapServers} -C -q -e -o -5 -t {names.ErrorsTopic}",
        $"  curl {node.Url}/health/ready   curl {node.Url}/metrics",
    ];

    private static int Finish(ParseResult arguments, DemoResult result, DemoSession session, DemoNode node, ClickstreamNames names, bool isJson)
    {
        var output = arguments.InvocationConfiguration.Output;
        var warnings = node.Warnings.Lines;
        output.WriteLine(isJson ? result.Json(names, session.Failure, warnings) : result.Text(names));
        if (!isJson && warnings.Count > 0)
        {
            output.WriteLine();
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"The node warned {node.Warnings.Count:N0} times, the last time:"));
            output.WriteLine($"  {warnings[^1]}");
        }

        if (session.Failure is { } failure)
        {
            Console.Error.WriteLine(failure);
        }

        return session.Failure is null && result.Agrees(names) ? 0 : 1;
    }
}
