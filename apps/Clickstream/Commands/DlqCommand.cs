using System.CommandLine;
using Streams.Hosting.DeadLetters;

namespace Clickstream;

/// <summary>The command <c>dlq</c>: what to do about records that could not be processed.</summary>
internal static class DlqCommand
{
    /// <summary>The command, for the root command.</summary>
    public static Command Create() => new("dlq", "Dead letters: records that could not be processed. Look at them, replay them, drop them.")
    {
        DlqListCommand.Create(),
        DlqShowCommand.Create(),
        DlqReplayCommand.Create(),
        DlqDropCommand.Create(),
    };

    /// <summary>Runs the work on the application's dead letters; what is wrong goes to standard error, with exit code 1.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="work">The work; returns the exit code.</param>
    public static Task<int> RunAsync(ParseResult arguments, Func<DeadLetterTable, Task<int>> work) =>
        NodeConfiguration.UseAsync(arguments, arguments.ConfigurationSettings(), async (_, configuration) =>
        {
            await using var letters = DeadLetterTable.Open(configuration);
            return await work(letters);
        });

    /// <summary><c>1 dead letter</c>, <c>2 dead letters</c>.</summary>
    public static string Counted(long count, string verb = "") => FormattableString.Invariant($"{count:N0} dead letter{(count == 1 ? "" : "s")}{verb}");

    /// <summary>How a dead letter stands, in one word.</summary>
    public static string Word(DeadLetterStates state) => state switch
    {
        DeadLetterStates.Replayed => "replayed",
        DeadLetterStates.Requested => "requested",
        _ => "waiting",
    };
}
