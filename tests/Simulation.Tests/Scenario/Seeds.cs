using System.Text;
using Streams.Hosting;
using Streams.Hosting.Kafka.Native;

namespace Simulation.Tests.Scenario;

/// <summary>How a run went.</summary>
/// <param name="Seed">Its seed.</param>
/// <param name="Wrong">What went wrong, with the last events; <c>null</c> if all was well.</param>
/// <param name="Sum">A sum over everything that happened.</param>
/// <param name="Steps">How many things happened.</param>
internal sealed record Outcome(int Seed, string? Wrong, ulong Sum, long Steps);

/// <summary>Runs seeds.</summary>
internal static class Seeds
{
    private const int EventsShown = 120;

    // The texts of Kafka's errors are the library's.
    static Seeds() => LibRdKafka.EnsureLoaded();

    /// <param name="seed">Chooses everything.</param>
    /// <param name="wiring">How nodes are wired; rightly, when absent.</param>
    /// <param name="guarantee">The guarantee; the seed's choice, when absent.</param>
    /// <param name="follow">Gets all events as they come.</param>
    public static Outcome Run(int seed, Wiring? wiring = null, Guarantee? guarantee = null, Action<string>? follow = null)
    {
        using var world = new World(seed, wiring, guarantee);
        world.Simulator.Trace.Follow = follow;
        string? wrong = null;
        try
        {
            world.Run();
        }
        catch (WrongException e)
        {
            wrong = Explain(seed, world, e.Message);
        }

        return new Outcome(seed, wrong, world.Simulator.Trace.Sum, world.Simulator.Steps);
    }

    private static string Explain(int seed, World world, string message)
    {
        var text = new StringBuilder();
        text.AppendLine($"Seed {seed}: {message}");
        text.AppendLine($"Run it again with: ./dev simulate --seed {seed}");
        text.AppendLine($"Settings: {world.Settings}");
        text.AppendLine($"The last of {world.Simulator.Trace.Count} events (seconds, who, what):");
        foreach (var line in world.Simulator.Trace.Last(EventsShown))
        {
            text.AppendLine(line);
        }

        return text.ToString();
    }
}
