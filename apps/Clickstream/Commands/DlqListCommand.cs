using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Spectre.Console;
using Streams.Hosting.DeadLetters;

namespace Clickstream;

/// <summary>The command <c>dlq list</c>: which dead letters there are, and how many by reason.</summary>
internal static class DlqListCommand
{
    private static readonly Option<int> Limit = NumberOption.Create("--limit", "1 or more", n => n >= 1, "How many to list; all are counted.", defaultValue: 100);

    private static readonly Option<OutputFormat> Output = Settings.OutputOption();

    public static Command Create()
    {
        var command = DlqSelection.AddTo(new Command("list", "List dead letters that wait to be replayed or dropped, and count them by reason.") { Limit, Output }).WithReplayed();
        command.SetAction(RunAsync);
        return command;
    }

    /// <summary>One dead letter as a line of text.</summary>
    public static string Line(DeadLetterRow row) => string.Create(
        CultureInfo.InvariantCulture,
        $"{row.Position}  {row.Time:yyyy-MM-dd HH:mm:ss}Z  {DlqCommand.Word(row.State)}  failed {row.Attempts} x  {row.Node}: {row.Reason.ReplaceLineEndings(" ")}");

    private static Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation) =>
        DlqCommand.RunAsync(arguments, async letters =>
        {
            var selection = arguments.Selection(DeadLetterStates.Waiting | DeadLetterStates.Requested);
            var rows = await letters.ListAsync(selection, arguments.GetValue(Limit), cancellation);
            var summary = await letters.SummarizeAsync(selection, cancellation);
            var output = arguments.InvocationConfiguration.Output;
            if (arguments.GetValue(Output) == OutputFormat.Json)
            {
                output.WriteLine(Json(rows, summary));
            }
            else if (output == Console.Out && !Console.IsOutputRedirected)
            {
                AnsiConsole.Write(Table(rows));
                WriteSummary(output, rows.Count, summary);
            }
            else
            {
                foreach (var row in rows)
                {
                    output.WriteLine(Line(row));
                }

                WriteSummary(output, rows.Count, summary);
            }

            return 0;
        });

    private static Table Table(IReadOnlyList<DeadLetterRow> rows)
    {
        var table = new Table().Border(TableBorder.Rounded).AddColumns("position", "since", "state", "failed", "node", "reason");
        foreach (var row in rows)
        {
            table.AddRow(
                new Text(row.Position.ToString()),
                new Text(row.Time.ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture)),
                new Text(DlqCommand.Word(row.State)),
                new Text(string.Create(CultureInfo.InvariantCulture, $"{row.Attempts} x")),
                new Text(row.Node),
                new Text(row.Reason));
        }

        return table;
    }

    private static void WriteSummary(TextWriter output, int listed, DeadLetterSummary summary)
    {
        output.WriteLine(summary.Count > listed
            ? string.Create(CultureInfo.InvariantCulture, $"{DlqCommand.Counted(summary.Count)}, of which {listed:N0} are listed (--limit):")
            : $"{DlqCommand.Counted(summary.Count)}{(summary.Count == 0 ? "." : ":")}");
        WriteReasons(output, summary);
    }

    /// <summary>How many by reason, a line each.</summary>
    public static void WriteReasons(TextWriter output, DeadLetterSummary summary)
    {
        foreach (var (reason, count) in summary.Reasons)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{count,9:N0}  {reason.ReplaceLineEndings(" ")}"));
        }
    }

    private static string Json(IReadOnlyList<DeadLetterRow> rows, DeadLetterSummary summary) => JsonSerializer.Serialize(new
    {
        count = summary.Count,
        reasons = summary.Reasons.Select(r => new { reason = r.Reason, count = r.Count }),
        dead_letters = rows.Select(Members),
    });

    /// <summary>A dead letter as the members of a JSON object.</summary>
    public static object Members(DeadLetterRow row) => new
    {
        topic = row.Position.Topic,
        partition = row.Position.Partition,
        offset = row.Position.Offset,
        time = row.Time,
        kafka_time = row.KafkaTime,
        state = DlqCommand.Word(row.State),
        requested_at = row.RequestedAt,
        replayed_at = row.ReplayedAt,
        attempts = row.Attempts,
        node = row.Node,
        reason = row.Reason,
        key_bytes = row.KeyBytes,
        value_bytes = row.ValueBytes,
    };
}
