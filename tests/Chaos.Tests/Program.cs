using System.Globalization;

namespace Chaos.Tests;

/// <summary>Runs the chaos for as long as one likes (<c>./dev chaos</c>), or else the tests.</summary>
internal static class Program
{
    private const string Usage = """
        usage: ./dev chaos [--events N] [--minutes M] [--seed S] [--brokers N]

          --events N    how many clicks to produce during the run (default: 1000000)
          --minutes M   for how long things go wrong (default: 10; at least 1)
          --seed S      repeats the schedule and the clicks of an earlier run (default: a new one, which is printed)
          --brokers N   how many Kafka brokers, where STREAMS_TEST_KAFKA_SCRIPT runs them (default: 1; 3 takes 2 GB)

        The exit code is 0 if tables and topics equal a recount of the input and no takeover took too long.
        """;

    public static async Task<int> Main(string[] args)
    {
        if (args is not ["chaos", .. var rest])
        {
            return await Xunit.Runner.InProc.SystemConsole.ConsoleRunner.Run(args);
        }

        if (Parse(rest) is not { } options)
        {
            await Console.Error.WriteLineAsync(Usage);
            return 2;
        }

        var report = await ChaosRun.RunAsync(options, Console.WriteLine);
        Console.WriteLine(report);
        Console.WriteLine($"Again with: ./dev chaos --events {options.Events} --minutes {options.Duration.TotalMinutes.ToString(CultureInfo.InvariantCulture)} --seed {options.Seed} --brokers {options.Brokers}");
        return report.Wrong.Count == 0 ? 0 : 1;
    }

    private static ChaosOptions? Parse(ReadOnlySpan<string> args)
    {
        var options = new ChaosOptions { Seed = Random.Shared.Next(1_000_000) };
        for (; args.Length >= 2; args = args[2..])
        {
            var value = double.TryParse(args[1], CultureInfo.InvariantCulture, out var number) && number > 0 ? number : (double?)null;
            ChaosOptions? next = (args[0], value) switch
            {
                ("--app", _) => options with { Program = args[1] },
                ("--events", { } n) => options with { Events = (long)n },
                ("--minutes", >= 1 and var n) => options with { Duration = TimeSpan.FromMinutes(n) },
                ("--seed", { } n) => options with { Seed = (int)n },
                ("--brokers", { } n) => options with { Brokers = (int)n },
                _ => null,
            };
            if (next is null)
            {
                return null;
            }

            options = next;
        }

        return args.Length == 0 ? options : null;
    }
}
