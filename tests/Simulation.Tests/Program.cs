using System.Diagnostics;
using System.Globalization;
using Simulation.Tests.Scenario;
using Xunit.Runner.InProc.SystemConsole;

namespace Simulation.Tests;

/// <summary>
/// <c>simulate [--seeds N [--from SEED]]</c> runs many seeds, <c>simulate --seed SEED</c> one, with all its events;
/// <c>--without fence|mute|replay-mute|order|read-back|read-back-failed</c> leaves something out, to see that it is noticed. Everything else is for xunit's runner.
/// </summary>
internal static class Program
{
    private const int DefaultSeeds = 100_000;

    public static async Task<int> Main(string[] args)
    {
        if (args is not ["simulate", .. var options])
        {
            return await ConsoleRunner.Run(args);
        }

        var without = options is [.., "--without", var name] ? name : null;
        options = without is null ? options : options[..^2];
        if (Mutation(without) is not { } wiring)
        {
            return await UsageAsync();
        }

        return options switch
        {
            ["--seed", var seed] when Number(seed) is { } number => RunOne(number, wiring),
            [] => RunMany(0, DefaultSeeds, wiring),
            ["--seeds", var seeds] when Number(seeds) is { } count => RunMany(0, count, wiring),
            ["--seeds", var seeds, "--from", var from] when Number(seeds) is { } count && Number(from) is { } first => RunMany(first, count, wiring),
            _ => await UsageAsync(),
        };
    }

    private static Func<Wiring>? Mutation(string? name) => name switch
    {
        null => () => Wiring.Right,
        "fence" => () => Mutations.NoFence,
        "mute" => () => Mutations.NoMute,
        "replay-mute" => () => Mutations.NoReplayMute,
        "order" => Mutations.StoreFirst,
        "read-back" => () => Mutations.UnknownIs(committed: true),
        "read-back-failed" => () => Mutations.UnknownIs(committed: false),
        _ => null,
    };

    private static async Task<int> UsageAsync()
    {
        await Console.Error.WriteLineAsync(
            "usage: ./dev simulate [--seeds N [--from SEED] | --seed SEED] [--without fence|mute|replay-mute|order|read-back|read-back-failed]");
        return 2;
    }

    private static int? Number(string text) => int.TryParse(text, NumberStyles.None, CultureInfo.InvariantCulture, out var number) ? number : null;

    private static int RunOne(int seed, Func<Wiring> wiring)
    {
        var outcome = Seeds.Run(seed, wiring(), follow: Console.WriteLine);
        Console.WriteLine(outcome.Wrong is null ? $"Seed {seed}: all is as it must be." : outcome.Wrong.Split('\n')[0]);
        return outcome.Wrong is null ? 0 : 1;
    }

    private static int RunMany(int first, int count, Func<Wiring> wiring)
    {
        var gate = new Lock();
        var started = Stopwatch.StartNew();
        var shown = TimeSpan.Zero;
        long steps = 0;
        var (done, failed) = (0, 0);
        var longest = new Outcome(first, null, 0, 0);
        Parallel.For(first, first + count, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, seed =>
        {
            var outcome = Seeds.Run(seed, wiring());
            lock (gate)
            {
                done++;
                steps += outcome.Steps;
                longest = outcome.Steps > longest.Steps ? outcome : longest;
                if (outcome.Wrong is not null)
                {
                    failed++;
                    Console.WriteLine(failed <= 3 ? outcome.Wrong : outcome.Wrong.Split('\n')[0]);
                }

                if (started.Elapsed - shown > TimeSpan.FromSeconds(5))
                {
                    shown = started.Elapsed;
                    Console.WriteLine($"{done} of {count} seeds, {failed} failed, {done / shown.TotalSeconds:0} a second");
                }
            }
        });
        Console.WriteLine($"{count} seeds from {first} on, {failed} failed, {steps} steps (at most {longest.Steps}, by seed {longest.Seed}), in {started.Elapsed.TotalSeconds:0.0} s");
        return failed > 0 ? 1 : 0;
    }
}
