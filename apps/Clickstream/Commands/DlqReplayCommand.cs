using System.CommandLine;
using System.Text.Json;
using Spectre.Console;
using Streams.Hosting.DeadLetters;

namespace Clickstream;

/// <summary>The command <c>dlq replay</c>: asks the running nodes to run dead letters once more, and waits for them.</summary>
internal static class DlqReplayCommand
{
    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(300);

    private static readonly Option<bool> NoWait = new("--no-wait") { Description = "Ask for the replay and return." };

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    public static Command Create()
    {
        var command = DlqSelection.AddTo(new Command("replay", "Have running nodes process dead letters once more, exactly once, and wait until they have.") { NoWait, Output }).AskingWhich();
        command.SetAction(RunAsync);
        return command;
    }

    private static Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation) =>
        DlqCommand.RunAsync(arguments, async letters =>
        {
            var request = await letters.RequestReplayAsync(arguments.Selection(DeadLetterStates.Waiting), cancellation);
            var isJson = arguments.GetValue(Output) == OutputFormat.Json;
            var (output, error) = (arguments.InvocationConfiguration.Output, arguments.InvocationConfiguration.Error);
            if (!isJson)
            {
                output.WriteLine(request.Count == 0 ? "No dead letter that waits is meant: nothing to replay." : DlqCommand.Counted(request.Count, " to be replayed."));
            }

            var progress = request.Count == 0 ? default : await letters.ProgressAsync(request, cancellation);
            if (request.Count > 0 && !arguments.GetValue(NoWait))
            {
                progress = await WaitAsync(letters, request, progress, error == Console.Error, cancellation);
            }

            var outcome = await letters.OutcomeAsync(request, CancellationToken.None);
            if (isJson)
            {
                output.WriteLine(JsonSerializer.Serialize(new
                {
                    requested = request.Count,
                    replayed = outcome.Replayed,
                    failed = outcome.Failed.Count,
                    open = progress.Open,
                    failures = outcome.Failed.Reasons.Select(r => new { reason = r.Reason, count = r.Count }),
                }));
            }
            else if (request.Count > 0 && !arguments.GetValue(NoWait))
            {
                output.WriteLine(FormattableString.Invariant($"{outcome.Replayed:N0} went through, {outcome.Failed.Count:N0} failed again."));
                DlqListCommand.WriteReasons(output, outcome.Failed);
            }

            if (progress is { Open: > 0, Nodes: 0 })
            {
                error.WriteLine($"No node of the application has given a sign of life for 15 seconds: it does not run, or cannot work at the moment. {DlqCommand.Counted(progress.Open)} will be replayed once one works.");
            }

            return outcome.Failed.Count > 0 || (progress.Open > 0 && !arguments.GetValue(NoWait)) ? 1 : 0;
        });

    /// <summary>Waits until everything is done, or until nobody is there to do it, or until Ctrl-C.</summary>
    private static async Task<ReplayProgress> WaitAsync(
        DeadLetterTable letters, ReplayRequest request, ReplayProgress progress, bool isOnConsole, CancellationToken cancellation)
    {
        if (!isOnConsole || Console.IsErrorRedirected)
        {
            return await PollAsync(_ => { });
        }

        var terminal = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });
        return await terminal.Status().StartAsync(
            "waiting for the nodes",
            status => PollAsync(now => status.Status(Markup.Escape(FormattableString.Invariant($"{request.Count - now.Open:N0} of {request.Count:N0} done")))));

        async Task<ReplayProgress> PollAsync(Action<ReplayProgress> show)
        {
            while (progress is { Open: > 0, Nodes: > 0 } && !cancellation.IsCancellationRequested)
            {
                show(progress);
                await Task.Delay(PollInterval, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
                progress = await letters.ProgressAsync(request, CancellationToken.None);
            }

            return progress;
        }
    }
}
