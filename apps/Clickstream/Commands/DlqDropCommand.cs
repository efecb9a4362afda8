using System.CommandLine;
using System.Text.Json;
using Streams.Hosting.DeadLetters;

namespace Clickstream;

/// <summary>The command <c>dlq drop</c>: deletes dead letters for good.</summary>
internal static class DlqDropCommand
{
    private static readonly Option<bool> Yes = Confirmation.YesOption();

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    public static Command Create()
    {
        var command = DlqSelection.AddTo(new Command("drop", "Delete dead letters for good.") { Yes, Output }).WithReplayed().AskingWhich();
        command.SetAction(RunAsync);
        return command;
    }

    private static Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation) =>
        DlqCommand.RunAsync(arguments, async letters =>
        {
            var output = arguments.InvocationConfiguration.Output;
            var selection = arguments.Selection(DeadLetterStates.Waiting);
            if (!arguments.GetValue(Yes))
            {
                var droppable = selection with { States = selection.States & ~DeadLetterStates.Requested };
                var meant = await letters.SummarizeAsync(droppable, cancellation);
                if (meant.Count > 0 && !IsConfirmed(arguments, meant))
                {
                    arguments.InvocationConfiguration.Error.WriteLine("Nothing was dropped.");
                    return 1;
                }
            }

            var dropped = await letters.DropAsync(selection, cancellation);
            output.WriteLine(arguments.GetValue(Output) == OutputFormat.Json
                ? JsonSerializer.Serialize(new { dropped })
                : dropped == 0 ? "Nothing to drop." : DlqCommand.Counted(dropped, " dropped."));
            return 0;
        });

    private static bool IsConfirmed(ParseResult arguments, DeadLetterSummary meant)
    {
        DlqListCommand.WriteReasons(arguments.InvocationConfiguration.Error, meant);
        return Confirmation.Ask(arguments, $"Drop {DlqCommand.Counted(meant.Count)} for good?");
    }
}
