using System.CommandLine;
using System.CommandLine.Invocation;
using Clickstream;

var root = new RootCommand("Counts the errors of a click stream: Kafka in, Kafka and PostgreSQL out.")
{
    RunCommand.Create(),
    DemoCommand.Create(),
    ProduceCommand.Create(),
    TopologyCommand.Create(),
    CheckCommand.Create(),
    OffsetsCommand.Create(),
    DlqCommand.Create(),
};

var line = root.Parse(args);
if (line is { Action: ParseErrorAction mistake } && line.CommandResult.Command != root)
{
    // The mistake alone: the whole help would push it off the screen.
    mistake.ShowHelp = false;
}

// After Ctrl-C or SIGTERM a command may still deliver what it holds. How long a node may, its settings say; none can say longer.
var invocation = new InvocationConfiguration
{
    ProcessTerminationTimeout = line.CommandResult.Command.Name == RunCommand.Name ? TimeSpan.FromMinutes(15) : TimeSpan.FromSeconds(30),
};
return await line.InvokeAsync(invocation);
