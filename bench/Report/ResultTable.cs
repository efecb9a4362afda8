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

    private static readonly string[] Columns = ["benchmark", "events/s", "CPU µs/event", "bytes/event", "peak MB", "of the limit", ""];

    public static void Print(IAnsiConsole console, IEnumerable<Result> results)
    {
        // Into a file or a pipe goes the whole table, however wide it is.
        console.Profile.Width = console.Profile.Out.IsTerminal ? console.Profile.Width : Math.Max(console.Profile.Width, WidthBeyondTerminals);
        var table = new Table().Border(TableBorder.Rounded);
        foreach (var column in Columns)
        {
            table.AddColumn(column, c => c.Alignment(column is "benchmark" or "" ? Justify.Left : Justify.Right).NoWrap());
        }

        foreach (var result in results)
        {
            table.AddRow([.. Cells(result).Select(Markup.Escape)]);
        }

        console.Write(table);
    }

    public static string Markdown(IEnumerable<Result> results, string description)
    {
        var text = new StringBuilder();
        text.Append("| ").AppendJoin(" | ", Columns).Append(" |\n|---|--:|--:|--:|--:|--:|---|\n");
        foreach (var result in results)
        {
            text.Append("| ").AppendJoin(" | ", Cells(result)).Append(" |\n");
        }

        return text.Append('\n').Append(description).Append(".\n").ToString();
    }

    public static string Json(IEnumerable<Result> results) =>
        new JsonArray([.. results.Select(result => result.ToJson())]).ToJsonString(Indented) + "\n";

    private static string[] Cells(Result result) =>
    [
        result.Name,
        Number(result.EventsPerSecond, "N0"),
        Number(result.CpuMicrosecondsPerEvent, "N2"),
        Number(result.BytesPerEvent, "N1"),
        Number(result.PeakRssMegabytes, "N0"),
        Number(result.RatioToLimit, "P0"),
        result.Note,
    ];

    private static string Number(double? value, string format) =>
        value is { } number ? number.ToString(format, CultureInfo.InvariantCulture).Replace(" %", "%", StringComparison.Ordinal) : "";
}
