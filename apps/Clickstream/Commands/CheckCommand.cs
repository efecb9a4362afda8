using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Microsoft.Extensions.Configuration;
using Spectre.Console;
using Streams;
using Streams.Hosting.Diagnostics;

namespace Clickstream;

/// <summary>The command <c>check</c>: tries everything that <c>run</c> needs, and says what is wrong and how to mend it.</summary>
internal static class CheckCommand
{
    private const int NameWidth = 20;

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("check", "Try what run needs: settings, Kafka, topics, PostgreSQL, tables and rights. Changes nothing.") { Output }.WithSettings();
        command.SetAction(RunAsync);
        return command;
    }

    /// <summary>One result as text: its name once, its message in a column of its own.</summary>
    public static string Line(CheckResult result) =>
        $"{Mark(result.Outcome),-9} {result.Name,-NameWidth} {result.Message.ReplaceLineEndings("\n" + new string(' ', "not tried".Length + NameWidth + 2))}";

    private static Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation) =>
        NodeConfiguration.UseAsync(arguments, arguments.NodeSettings(), (topology, configuration) => CheckAsync(topology, configuration, arguments, cancellation));

    private static async Task<int> CheckAsync(Topology topology, IConfiguration configuration, ParseResult arguments, CancellationToken cancellation)
    {
        var output = arguments.InvocationConfiguration.Output;
        var isJson = arguments.GetValue(Output) == OutputFormat.Json;
        var results = new List<CheckResult>();
        await foreach (var result in StreamsCheck.RunAsync(topology, configuration, cancellation))
        {
            results.Add(result);
            if (!isJson)
            {
                Print(output, result);
            }
        }

        var wrong = results.Count(r => r.Outcome == CheckOutcome.Wrong);
        if (isJson)
        {
            output.WriteLine(JsonSerializer.Serialize(new
            {
                ok = wrong == 0,
                checks = results.Select(r => new { name = r.Name, outcome = Mark(r.Outcome), message = r.Message }),
            }));
        }
        else
        {
            output.WriteLine(wrong == 0 ? "\nThe node can run." : string.Create(CultureInfo.InvariantCulture, $"\n{wrong} of {results.Count} checks failed."));
        }

        return wrong == 0 ? 0 : 1;
    }

    private static void Print(TextWriter output, CheckResult result)
    {
        if (output != Console.Out || Console.IsOutputRedirected)
        {
            output.WriteLine(Line(result));
            return;
        }

        // As raw text, since statements to copy must not be wrapped; only the mark is colored.
        var (mark, line) = (Mark(result.Outcome), Line(result));
        var color = result.Outcome switch { CheckOutcome.Ok => Color.Green, CheckOutcome.Wrong => Color.Red, _ => Color.Grey };
        AnsiConsole.Console.Write(new Text(mark, new Style(color)));
        output.WriteLine(line[mark.Length..]);
    }

    private static string Mark(CheckOutcome outcome) => outcome switch
    {
        CheckOutcome.Ok => "ok",
        CheckOutcome.Wrong => "wrong",
        _ => "not tried",
    };
}
