using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Streams.Hosting.Offsets;

namespace Clickstream;

/// <summary>
/// The command <c>offsets</c>: how far the input is read, partition by partition; and <c>reset</c>, which says where a partition
/// goes on whose next record is not in the topic any more.
/// </summary>
internal static class OffsetsCommand
{
    private static readonly Argument<string> Partition = new("PARTITION") { Description = "The partition, as topic-number: clickstream-3." };

    private static readonly Option<string> To = new("--to")
    {
        Description = "earliest (the first record that the topic still has), latest (after its last one), or an offset.",
        HelpName = "earliest|latest|offset",
        Required = true,
    };

    private static readonly Option<bool> Again = new("--again")
    {
        Description = "Allow going back over records that are committed already: tables of counts and sums take them in once more.",
    };

    private static readonly Option<bool> Yes = Confirmation.YesOption();

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("offsets", "Show how far each partition of the input is read.") { Output, Reset() }.WithSettings();
        command.SetAction((arguments, cancellation) => RunAsync(arguments, offsets => ListAsync(offsets, arguments, cancellation)));
        return command;
    }

    private static Command Reset()
    {
        var command = new Command("reset", "Say where a partition goes on whose next record is not in the topic any more.") { Partition, To, Again, Yes }.WithSettings();
        command.SetAction((arguments, cancellation) => RunAsync(arguments, offsets => ResetAsync(offsets, arguments, cancellation)));
        return command;
    }

    /// <summary>What a move means, in words.</summary>
    public static string Describe(OffsetMove move)
    {
        var from = move.From;
        var lines = new List<string>
        {
            Text($"{from.Topic}-{from.Partition} stands at {from.NextOffset?.ToString(CultureInfo.InvariantCulture) ?? "the beginning"}; the topic has {from.First} to {from.End - 1}. It goes on at {move.NextOffset}."),
        };
        if (from.Lost > 0)
        {
            lines.Add(Text($"{from.Lost} records are lost: they were deleted before they were read."));
        }

        if (from.IsBeyondEnd)
        {
            lines.Add("The topic ends before that: it was deleted and created again. What is in it now counts as new. Rows of tables that are keyed by topic, partition and offset must make room first: the same numbers come again.");
        }

        if (move.Skipped > 0)
        {
            lines.Add(Text($"{move.Skipped} records that the topic has are skipped, and never read."));
        }

        if (move.Repeated > 0)
        {
            lines.Add(Text($"{move.Repeated} records that are committed already are read again: tables of counts and sums take them in once more, and topics get them once more."));
        }

        return string.Join('\n', lines);
    }

    /// <summary>One partition as a line of text.</summary>
    public static string Line(InputPosition position) => Text(
        $"{position.Topic}-{position.Partition}  next {Next(position)}  topic has {Range(position)}  lag {position.Lag}  stream time {StreamTime(position)}  node {position.Node ?? "-"}  {Problem(position)}").TrimEnd();

    private static Task<int> RunAsync(ParseResult arguments, Func<InputOffsets, Task<int>> run) =>
        NodeConfiguration.UseAsync(arguments, arguments.NodeSettings(), async (topology, configuration) =>
        {
            using var offsets = InputOffsets.Open(topology, configuration);
            return await run(offsets);
        });

    private static async Task<int> ListAsync(InputOffsets offsets, ParseResult arguments, CancellationToken cancellation)
    {
        var positions = await offsets.ListAsync(cancellation);
        var output = arguments.InvocationConfiguration.Output;
        if (arguments.GetValue(Output) == OutputFormat.Json)
        {
            output.WriteLine(JsonSerializer.Serialize(positions.Select(p => new
            {
                topic = p.Topic, partition = p.Partition, next_offset = p.NextOffset, first = p.First, end = p.End,
                lag = p.Lag, lost = p.Lost, in_range = p.IsInRange, stream_time = p.StreamTime, node = p.Node,
            })));
        }
        else if (output == Console.Out && !Console.IsOutputRedirected)
        {
            AnsiConsole.Write(Table(positions));
        }
        else
        {
            foreach (var position in positions)
            {
                output.WriteLine(Line(position));
            }
        }

        return 0;
    }

    private static Table Table(IReadOnlyList<InputPosition> positions)
    {
        var table = new Table().Border(TableBorder.Simple).AddColumns("partition").AddColumn("next", c => c.RightAligned())
            .AddColumn("topic has", c => c.RightAligned()).AddColumn("lag", c => c.RightAligned()).AddColumns("stream time", "node", "");
        foreach (var p in positions)
        {
            table.AddRow(
                new Text(Text($"{p.Topic}-{p.Partition}")), new Text(Next(p)), new Text(Range(p)), new Text(Text($"{p.Lag}")),
                new Text(StreamTime(p)), new Text(p.Node ?? "-"), new Text(Problem(p), new Style(Color.Red)));
        }

        return table;
    }

    private static async Task<int> ResetAsync(InputOffsets offsets, ParseResult arguments, CancellationToken cancellation)
    {
        var error = arguments.InvocationConfiguration.Error;
        var move = await offsets.PlanAsync(arguments.GetRequiredValue(Partition), arguments.GetRequiredValue(To), cancellation);
        error.WriteLine(Describe(move));
        if (move.Repeated > 0 && !arguments.GetValue(Again))
        {
            error.WriteLine("Nothing was changed: add --again if that is what you want.");
            return 1;
        }

        if (!arguments.GetValue(Yes) && !Confirmation.Ask(arguments, "Go on there?"))
        {
            error.WriteLine("Nothing was changed.");
            return 1;
        }

        await offsets.MoveAsync(move, cancellation);
        arguments.InvocationConfiguration.Output.WriteLine(Text($"{move.From.Topic}-{move.From.Partition} goes on at {move.NextOffset}; a running node takes it up within seconds."));
        return 0;
    }

    private static string Next(InputPosition position) => position.NextOffset?.ToString(CultureInfo.InvariantCulture) ?? "-";

    private static string Range(InputPosition position) => position.First == position.End ? "nothing" : Text($"{position.First} to {position.End - 1}");

    private static string StreamTime(InputPosition position) => position.StreamTime?.ToString("yyyy-MM-dd HH:mm:ss", CultureInfo.InvariantCulture) ?? "-";

    private static string Problem(InputPosition position) =>
        position.IsBeyondEnd ? "beyond the topic's end" : position.Lost > 0 ? Text($"{position.Lost} lost") : "";

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
