using System.CommandLine;

namespace Clickstream;

/// <summary>The command <c>topology</c>: prints what the program would run.</summary>
internal static class TopologyCommand
{
    private static readonly Option<bool> Mermaid = new("--mermaid") { Description = "Print a Mermaid flowchart instead of text." };

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("topology", "Print the topology.") { Mermaid };
        command.SetAction(arguments =>
        {
            var topology = ClickstreamTopology.Build(Settings.Load().Names());
            arguments.InvocationConfiguration.Output.Write(arguments.GetValue(Mermaid) ? topology.DescribeAsMermaid() : topology.Describe());
        });
        return command;
    }
}
