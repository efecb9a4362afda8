using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Clickstream;

/// <summary>The command <c>produce</c>: clicks from an access log or a generator, into Kafka.</summary>
internal static class ProduceCommand
{
    private const double DefaultEventRate = 1000;
    private const string StandardInput = "-";

    private static readonly TimeSpan CloseTimeout = TimeSpan.FromSeconds(10);

    private static readonly Argument<string?> File = new("FILE")
    {
        Description = "An access log in common or combined format; - or nothing for standard input.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<double?> Rate = NumberOption.Create<double?>(
        "--rate", "a number above 0", n => n > 0, "Records per second. Default: as fast as it goes.");

    private static readonly Option<bool> Loop = new("--loop")
    {
        Description = "Begin again at the end of FILE, until interrupted.",
    };

    private static readonly Option<ClickTimes?> Times = new("--times")
    {
        Description = "Event times: those of the log, or the time of sending. Default: log; with --loop now, as a second pass of the log's times would be late.",
        HelpName = "log|now",
    };

    private static readonly Option<string?> Topic = new("--topic")
    {
        Description = "The topic to write to; created if missing. Default: Clickstream:Clicks, else clickstream.",
        HelpName = "name",
    };

    private static readonly Option<int> Partitions = NumberOption.Create(
        "--partitions", "1 or more", n => n >= 1, "The topic's partitions, if it is created.", defaultValue: 4);

    private static readonly Option<long?> Generate = NumberOption.Create<long?>(
        "--generate", "0 or more", n => n >= 0, "Make up N clicks instead of reading a log.");

    private static readonly Option<long> Seed = NumberOption.Create(
        "--seed", "an integer", _ => true, "With --generate: the same seed makes the same clicks.", defaultValue: 1L);

    private static readonly Option<DateTime?> Start = new("--start")
    {
        Description = "With --generate: event time of the first click, from where it goes forward at --rate (else 1,000/s). "
            + "Default: now; without --rate so that the last click is now.",
        HelpName = "time",
        CustomParser = ParseStart,
    };

    private static readonly Option<string?> BootstrapServers = Settings.BootstrapServersOption();
    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("produce", "Send clicks to Kafka, from a web server's access log or made up.")
        {
            File, Rate, Loop, Times, Topic, Partitions, Generate, Seed, Start, BootstrapServers, Output,
        };
        command.Validators.Add(Validate);
        command.SetAction(RunAsync);
        return command;
    }

    private static void Validate(CommandResult result)
    {
        var file = result.GetValue(File);
        Refuse(file is not null && result.GetResult(Generate) is not null, "FILE and --generate exclude each other.");
        Refuse(file is not (null or StandardInput) && !System.IO.File.Exists(file), $"There is no file {file}.");
        Refuse(result.GetValue(Loop) && (file is null or StandardInput), "--loop needs a FILE that can be read again.");

        void Refuse(bool condition, string message)
        {
            if (condition)
            {
                result.AddError(message);
            }
        }
    }

    private static DateTime? ParseStart(ArgumentResult result)
    {
        if (IsoTime.TryParse(Encoding.UTF8.GetBytes(result.Tokens[0].Value), out var time))
        {
            return time;
        }

        result.AddError($"--start is not a time such as 2026-01-01T00:00:00Z: {result.Tokens[0].Value}");
        return null;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation)
    {
        var view = new ProduceView();
        var configuration = Settings.Load();
        var topic = arguments.GetValue(Topic) ?? configuration.Names().Clicks;
        using var sender = new ClickSender(
            configuration.BootstrapServers(arguments.GetValue(BootstrapServers)),
            topic,
            [.. configuration.KafkaProperties("Common"), .. configuration.KafkaProperties("Producer")]);
        var clock = TimeProvider.System;
        var source = Source(arguments, clock, view);
        using var owned = source as IDisposable;
        var pace = new Pace(arguments.GetValue(Rate), clock);
        string? error = null;
        var started = clock.GetTimestamp();
        try
        {
            await view.RunAsync(
                () => new ProduceProgress(sender.Sent, sender.Failed, source.Skipped, clock.GetElapsedTime(started), sender.ConnectionError),
                async () =>
                {
                    if (await sender.EnsureTopicAsync(arguments.GetValue(Partitions), cancellation))
                    {
                        view.Say($"created topic {topic} with {arguments.GetValue(Partitions)} partitions");
                    }

                    started = clock.GetTimestamp();
                    while (await source.MoveNextAsync(cancellation))
                    {
                        await pace.WaitAsync(cancellation);
                        cancellation.ThrowIfCancellationRequested();
                        await sender.SendAsync(source.Key.IsEmpty ? null : source.Key.ToArray(), source.Value.ToArray(), cancellation);
                    }

                    await sender.FlushAsync(cancellation);
                });
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            // Interrupted by the user, which is how --loop ends: what is queued is still delivered below.
        }
        catch (Exception e) when (e is ClickSendException or IOException or UnauthorizedAccessException)
        {
            error = e.Message;
        }

        await sender.CloseAsync(CloseTimeout);
        var end = new ProduceProgress(sender.Sent, sender.Failed, source.Skipped, clock.GetElapsedTime(started), null);
        Summarize(arguments, topic, end);
        error ??= sender.FirstFailure is { } failure ? $"{end.Failed:N0} clicks were not delivered. The first one: {failure}" : null;
        if (error is not null)
        {
            view.Say(error);
        }

        return error is null ? 0 : 1;
    }

    private static IClickSource Source(ParseResult arguments, TimeProvider clock, ProduceView view)
    {
        if (arguments.GetValue(Generate) is { } count)
        {
            var rate = arguments.GetValue(Rate);
            var now = clock.GetUtcNow().UtcDateTime;
            var start = arguments.GetValue(Start) ?? (rate is null ? now.AddSeconds(-count / DefaultEventRate) : now);
            return new GeneratedClicks(new ClickGenerator(arguments.GetValue(Seed), start, rate ?? DefaultEventRate), count);
        }

        var file = arguments.GetValue(File);
        var loop = arguments.GetValue(Loop);
        var times = arguments.GetValue(Times) ?? (loop ? ClickTimes.Now : ClickTimes.Log);
        if (file is null && !Console.IsInputRedirected)
        {
            view.Say("reading an access log from the terminal (Ctrl-D ends it); see produce --help for files and generated clicks");
        }

        return new AccessLogClicks(
            file is null or StandardInput ? Console.OpenStandardInput : () => System.IO.File.OpenRead(file),
            loop,
            times == ClickTimes.Now ? clock : null,
            view.Skipped);
    }

    private static void Summarize(ParseResult arguments, string topic, ProduceProgress end)
    {
        var output = arguments.InvocationConfiguration.Output;
        if (arguments.GetValue(Output) == OutputFormat.Json)
        {
            var seconds = Math.Round(end.Elapsed.TotalSeconds, 3);
            output.WriteLine(JsonSerializer.Serialize(new { sent = end.Sent, failed = end.Failed, skipped = end.Skipped, seconds }));
            return;
        }

        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"{end.Sent:N0} clicks sent to {topic} in {end.Elapsed.TotalSeconds:N1} s ({end.PerSecond:N0}/s), {end.Failed:N0} failed, {end.Skipped:N0} lines skipped"));
    }
}

/// <summary>Where the event times of a replayed log come from.</summary>
internal enum ClickTimes
{
    /// <summary>The log.</summary>
    Log,
    /// <summary>The clock, at the time of sending.</summary>
    Now,
}
