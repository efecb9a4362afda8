using System.CommandLine;
using System.CommandLine.Parsing;
using Streams.Hosting.DeadLetters;

namespace Clickstream;

/// <summary>The options by which the commands under <c>dlq</c> say which dead letters they mean.</summary>
internal static class DlqSelection
{
    private static readonly Argument<string[]> Positions = new("POSITION")
    {
        Description = "Dead letters by topic-partition@offset, such as clickstream-0@17. Settings may follow, such as --Streams:ApplicationId=clicks.",
        Arity = ArgumentArity.ZeroOrMore,
    };

    private static readonly Option<string?> Topic = new("--topic") { Description = "Those of this topic.", HelpName = "name" };

    private static readonly Option<int?> Partition = NumberOption.Create<int?>("--partition", "0 or more", n => n >= 0, "Those of this partition number.");

    private static readonly Option<string?> Reason = new("--reason") { Description = "Those whose reason holds this text.", HelpName = "text" };

    private static readonly Option<bool> All = new("--all") { Description = "All of them." };

    private static readonly Option<bool> Replayed = new("--replayed") { Description = "Those that went through when they were replayed, instead of those that wait." };

    /// <summary>Adds the options, for a command that shows all where none is given.</summary>
    public static Command AddTo(Command command)
    {
        command.Arguments.Add(Positions);
        command.Options.Add(Topic);
        command.Options.Add(Partition);
        command.Options.Add(Reason);
        command.Validators.Add(ValidatePositions);
        return command;
    }

    /// <summary>Adds the option to look at what is done.</summary>
    public static Command WithReplayed(this Command command)
    {
        command.Options.Add(Replayed);
        return command;
    }

    /// <summary>Makes the command ask for one position and nothing else.</summary>
    public static Command ForOne(Command command)
    {
        command.Arguments.Add(Positions);
        command.Validators.Add(ValidatePositions);
        command.Validators.Add(result =>
        {
            if ((result.GetValue(Positions) ?? []).Count(t => !IsSetting(t)) != 1)
            {
                result.AddError("Give one position, such as clickstream-0@17.");
            }
        });
        return command;
    }

    /// <summary>Makes the command ask for a condition: what changes something does not do so to everything by default.</summary>
    public static Command AskingWhich(this Command command)
    {
        command.Options.Add(All);
        command.Validators.Add(result =>
        {
            var isAll = result.GetValue(All);
            if (isAll == HasCondition(result))
            {
                result.AddError(isAll
                    ? "--all excludes POSITION, --topic, --partition and --reason."
                    : "Say which: by POSITION, --topic, --partition, --reason, or --all.");
            }
        });
        return command;
    }

    /// <summary>Which are meant.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="usual">How they stand unless something else is said: by position, they may stand in any way.</param>
    public static DeadLetterSelection Selection(this ParseResult arguments, DeadLetterStates usual)
    {
        List<DeadLetterPosition> positions = [];
        foreach (var token in arguments.GetValue(Positions) ?? [])
        {
            if (DeadLetterPosition.TryParse(token, out var position))
            {
                positions.Add(position);
            }
        }

        return new DeadLetterSelection
        {
            Positions = positions,
            Topic = arguments.GetValue(Topic),
            Partition = arguments.GetValue(Partition),
            Reason = arguments.GetValue(Reason),
            States = arguments.GetResult(Replayed) is not null && arguments.GetValue(Replayed) ? DeadLetterStates.Replayed
                : positions.Count > 0 ? DeadLetterStates.Waiting | DeadLetterStates.Requested | DeadLetterStates.Replayed
                : usual,
        };
    }

    /// <summary>The settings among the arguments.</summary>
    public static string[] ConfigurationSettings(this ParseResult arguments) =>
        [.. (arguments.GetValue(Positions) ?? []).Where(IsSetting)];

    /// <summary>Whether a token sets a value of the configuration. Anything else that is unknown is a mistake: a misspelt condition must not become none.</summary>
    private static bool IsSetting(string token) =>
        token.StartsWith("--", StringComparison.Ordinal) && token.IndexOf(':', StringComparison.Ordinal) is > 0 and var colon && token.IndexOf('=', StringComparison.Ordinal) > colon;

    private static bool HasCondition(CommandResult result) =>
        (result.GetValue(Positions) ?? []).Any(t => !IsSetting(t))
        || result.GetValue(Topic) is not null || result.GetValue(Partition) is not null || result.GetValue(Reason) is not null;

    private static void ValidatePositions(CommandResult result)
    {
        foreach (var token in (result.GetValue(Positions) ?? []).Where(t => !DeadLetterPosition.TryParse(t, out _) && !IsSetting(t)))
        {
            result.AddError($"{token} is neither a position such as clickstream-0@17 nor a setting such as --Streams:ApplicationId=clicks.");
        }
    }
}
