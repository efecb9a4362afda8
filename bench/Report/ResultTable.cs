using System.Globalization;
using System.Text;
using System.Text.Json;
using System.Text.Json.Nodes;
using Spectre.Console;

namespace Streams.Bench.Report;

/// <summary>The results of a run: on the screen, as Markdown, as JSON.</summary>
internal static class ResultTable
{
    private static readonly JsonSerializerOptions Indented = new() { WriteIndented = true };

    private const int WidthBeyondTerminals = 160;

    private static readonly string[] Columns = ["benchmark", "events/s", "CPU µs/event", "bytes/event", "peak MB", "of the limit", "further"];

    private static readonly string[] TimeColumns = ["benchmark", "peak MB", "result"];

    public static void Print(IAnsiConsole console, IReadOnlyList<Result> results)
    {
        // Into a file or a pipe goes the whole table, however wide it is.
        console.Profile.Width = console.Profile.Out.IsTerminal ? console.Profile.Width : Math.Max(console.Profile.Width, WidthBeyondTerminals);
        foreach (var (columns, rows) in Tables(results))
        {
            var table = new Table().Border(TableBorder.Rounded);
            foreach (var column in columns)
            {
                table.AddColumn(column, c =>
                {
                    c.NoWrap = column != columns[^1];
                    c.Alignment = column == columns[0] || column == columns[^1] ? Justify.Left : Justify.Right;
                });
            }

            rows.ForEach(row => table.AddRow([.. row.Select(Markup.Escape)]));
            console.Write(table);
        }
    }

    public static string Markdown(IReadOnlyList<Result> results, string description)
    {
        var text = new StringBuilder();
        foreach (var (columns, rows) in Tables(results))
        {
            text.Append("| ").AppendJoin(" | ", columns).Append(" |\n|---|").Insert(text.Length, "--:|", columns.Length - 2).Append("---|\n");
            rows.ForEach(row => text.Append("| ").AppendJoin(" | ", row).Append(" |\n"));
            text.Append('\n');
        }

        return text.Append(description).Append(".\n").ToString();
    }

    public static string Json(IEnumerable<Result> results, string kafka) =>
        new JsonArray([.. results.Select(result => result.ToJson(kafka))]).ToJsonString(Indented) + "\n";

    /// <summary>What was counted per event, and what was timed.</summary>
    private static IEnumerable<(string[] Columns, List<string[]> Rows)> Tables(IReadOnlyList<Result> results)
    {
        var perEvent = results.Where(result => result.CpuMicrosecondsPerEvent is not null).Select(PerEvent).ToList();
        var times = results.Where(result => result.CpuMicrosecondsPerEvent is null).Select(Times).ToList();
        return new[] { (Columns, perEvent), (TimeColumns, times) }.Where(table => table.Item2.Count > 0);
    }

    private static string[] PerEvent(Result result) =>
    [
        result.Name,
        Number(result.EventsPerSecond, "N0"),
        Number(result.CpuMicrosecondsPerEvent, "N2"),
        Number(result.BytesPerEvent, "N1"),
        Number(result.PeakRssMegabytes, "N0"),
        Number(result.RatioToLimit, "P0"),
        result.Note,
    ];

    private static string[] Times(Result result) => [result.Name, Number(result.PeakRssMegabytes, "N0"), result.Note];

    private static string Number(double? value, string format) =>
        value is { } number && double.IsFinite(number) ? number.ToString(format, CultureInfo.InvariantCulture).Replace(" %", "%", StringComparison.Ordinal) : "";
}
