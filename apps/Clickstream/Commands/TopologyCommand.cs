using System.CommandLine;
using System.Text.Json;
using Streams.Hosting.Topologies;

namespace Clickstream;

/// <summary>
/// The command <c>topology</c>: prints what the program would run; <c>diff</c> compares it with what was applied to the database, and
/// <c>accept</c> stores it there.
/// </summary>
internal static class TopologyCommand
{
    private static readonly Option<bool> Mermaid = new("--mermaid") { Description = "Print a Mermaid flowchart instead of text." };

    private static readonly Option<bool> Yes = Confirmation.YesOption();

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

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
            Output,
        }.WithSettings();
        command.SetAction((arguments, cancellation) => NodeConfiguration.UseAsync(arguments, arguments.NodeSettings(), async (topology, configuration) =>
        {
            var difference = await AppliedTopology.CompareAsync(topology, configuration, cancellation);
            arguments.InvocationConfiguration.Output.WriteLine(arguments.GetValue(Output) == OutputFormat.Json ? Json(difference) : difference.Describe());
            return difference.IsCompatible ? 0 : 1;
        }));
        return command;
    }

    private static Command Accept()
    {
        var command = new Command("accept", "Store the topology as the one that was applied, whatever differs. Touches no table of results.") { Yes }.WithSettings();
        command.SetAction((arguments, cancellation) => NodeConfiguration.UseAsync(arguments, arguments.NodeSettings(), async (topology, configuration) =>
        {
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            var difference = await AppliedTopology.CompareAsync(topology, configuration, cancellation);
            output.WriteLine(difference.Describe());
            if (difference.IsCompatible)
            {
                output.WriteLine("There is nothing to accept: a node starts with it.");
                return 0;
            }

            error.WriteLine(
                "\nAccepting it changes no row. Rows that stand keep the meaning they had, rows to come have the new one, and nothing tells them apart.\n"
                + "Nodes that run keep their topology until they are started again: stop them first.");
            if (!arguments.GetValue(Yes) && !Confirmation.Ask(arguments, "Accept it?"))
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

    private static string Json(TopologyDifference difference) => JsonSerializer.Serialize(new
    {
        applied_at = difference.AppliedAt,
        compatible = difference.IsCompatible,
        changes = difference.Changes.Select(c => new { subject = c.Subject, change = c.Text, compatible = c.IsCompatible }),
    });
}
