using System.CommandLine;
using System.CommandLine.Parsing;
using Microsoft.Extensions.Configuration;
using Streams;
using Streams.Hosting;
using Streams.Hosting.DeadLetters;
using Streams.Hosting.Offsets;
using Streams.Hosting.Topologies;

namespace Clickstream;

/// <summary>The settings that commands take as <c>run</c> does, and the application that they make.</summary>
internal static class NodeConfiguration
{
    private static readonly Argument<string[]> Further = new("SETTINGS")
    {
        Description = "Settings of the node as .NET's configuration takes them, such as --Streams:ApplicationId=clicks.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    /// <summary>Makes a command take settings after everything else.</summary>
    public static Command WithSettings(this Command command)
    {
        command.Arguments.Add(Further);
        command.Validators.Add(Validate);
        return command;
    }

    /// <summary>The settings on the command line.</summary>
    public static string[] NodeSettings(this ParseResult arguments) => arguments.GetValue(Further) ?? [];

    /// <summary>
    /// Builds the application as <c>run</c> builds it, and does not start it: so both read the same settings. What is wrong goes to standard
    /// error, with exit code 1.
    /// </summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="settings">Settings as .NET's configuration takes them.</param>
    /// <param name="work">The command's work; returns the exit code.</param>
    public static async Task<int> UseAsync(ParseResult arguments, string[] settings, Func<Topology, IConfiguration, Task<int>> work)
    {
        try
        {
            var topology = ClickstreamTopology.Build(Settings.Load(settings).Names());
            await using var app = StreamsApplication.Create(topology, settings, Settings.ForNode());
            return await work(topology, app.Configuration);
        }
        catch (Exception e) when (e is StreamsConfigurationException or DeadLetterException or OffsetsException or AppliedTopologyException or DllNotFoundException)
        {
            arguments.InvocationConfiguration.Error.WriteLine(e.Message);
            return 1;
        }
    }

    /// <summary>What is no setting is a mistake, such as a misspelt option; .NET's configuration would pass it over.</summary>
    private static void Validate(CommandResult result)
    {
        var tokens = result.GetValue(Further) ?? [];
        for (var i = 0; i < tokens.Length; i++)
        {
            if (tokens[i].Contains('=', StringComparison.Ordinal))
            {
                continue;
            }

            if (tokens[i].StartsWith("--", StringComparison.Ordinal) && i + 1 < tokens.Length && !tokens[i + 1].StartsWith("--", StringComparison.Ordinal))
            {
                i++; // The value of "--key value".
                continue;
            }

            result.AddError($"{tokens[i]} is neither an option nor a setting such as --Streams:ApplicationId=clicks.");
        }
    }
}
