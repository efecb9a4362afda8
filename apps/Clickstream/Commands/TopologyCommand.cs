using System.CommandLine;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Streams;
using Streams.Hosting;
using Streams.Hosting.Topologies;

namespace Clickstream;

/// <summary>
/// The command <c>topology</c>: prints what the program would run; <c>diff</c> compares it with what was applied to the database, and
/// <c>accept</c> stores it there.
/// </summary>
internal static class TopologyCommand
{
    private static readonly Option<bool> Mermaid = new("--mermaid") { Description = "Print a Mermaid flowchart instead of text." };

    private static readonly Option<bool> Yes = new("--yes", "-y") { Description = "Do not ask." };

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    private static readonly Argument<string[]> Further = new("SETTINGS")
    {
        Description = "Settings as .NET's configuration takes them, such as --Streams:ApplicationId=clicks. The same as for run.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("topology", "Print the topology.") { Mermaid, Diff(), Accept() };
        command.SetAction(arguments =>
        {
            var topology = ClickstreamTopology.Build(Settings.Load().Names());
            arguments.InvocationConfiguration.Output.Write(arguments.GetValue(Mermaid) ? topology.DescribeAsMermaid() : topology.Describe());
        });
        return command;
    }

    private static Command Diff()
    {
        var command = new Command("diff", "Compare the topology with the one that was applied to the database. Exit code 1: a node would refuse to start.")
        {
            Further, Output,
        };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((arguments, cancellation) => RunAsync(arguments, async (topology, configuration) =>
        {
            var difference = await AppliedTopology.CompareAsync(topology, configuration, cancellation);
            arguments.InvocationConfiguration.Output.WriteLine(arguments.GetValue(Output) == OutputFormat.Json ? Json(difference) : difference.Describe());
            return difference.IsCompatible ? 0 : 1;
        }));
        return command;
    }

    private static Command Accept()
    {
        var command = new Command("accept", "Store the topology as the one that was applied, whatever differs. Touches no table of results.") { Further, Yes };
        command.TreatUnmatchedTokensAsErrors = false;
        command.SetAction((arguments, cancellation) => RunAsync(arguments, async (topology, configuration) =>
        {
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            var difference = await AppliedTopology.CompareAsync(topology, configuration, cancellation);
            output.WriteLine(difference.Describe());
            if (difference is { IsCompatible: true })
            {
                output.WriteLine("There is nothing to accept: a node starts with it.");
                return 0;
            }

            error.WriteLine(
                "\nAccepting it changes no row. Rows that stand keep the meaning they had, rows to come have the new one, and nothing tells them apart.\n"
                + "Nodes that run keep their topology until they are started again: stop them first.");
            if (!arguments.GetValue(Yes) && !IsConfirmed(error))
            {
                error.WriteLine("Nothing was changed.");
                return 1;
            }

            await AppliedTopology.AcceptAsync(topology, configuration, cancellation);
            output.WriteLine("Accepted: nodes start with the topology that is declared now.");
            return 0;
        }));
        return command;
    }

    private static bool IsConfirmed(TextWriter error)
    {
        if (Console.IsInputRedirected)
        {
            error.WriteLine("There is nobody to ask; --yes answers beforehand.");
            return false;
        }

        error.Write("Accept it? [y/N] ");
        return Console.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }

    private static async Task<int> RunAsync(ParseResult arguments, Func<Topology, IConfiguration, Task<int>> run)
    {
        // Built as run builds it, and not started: so both read the same settings.
        string[] further = [.. arguments.GetValue(Further) ?? [], .. arguments.UnmatchedTokens];
        var topology = ClickstreamTopology.Build(Settings.Load(further).Names());
        await using var app = StreamsApplication.Create(topology, further, Settings.ForNode());
        try
        {
            return await run(topology, app.Configuration);
        }
        catch (Exception e) when (e is StreamsConfigurationException or AppliedTopologyException)
        {
            arguments.InvocationConfiguration.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static string Json(TopologyDifference difference) => JsonSerializer.Serialize(new
    {
        appliedAt = difference.AppliedAt,
        compatible = difference.IsCompatible,
        changes = difference.Changes.Select(c => new { subject = c.Subject, change = c.Text, compatible = c.IsCompatible }),
    });
}
