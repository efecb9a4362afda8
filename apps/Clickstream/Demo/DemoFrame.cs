using System.Globalization;
using Spectre.Console;
using Spectre.Console.Rendering;

namespace Clickstream;

/// <summary>Draws the demo's state to fit a terminal: what does not fit is left out, nothing wraps.</summary>
internal static class DemoFrame
{
    private const int MostPaths = 12;
    private const int MostWarnings = 3;
    private const int PanelBorders = 2;
    private const int NumberRows = 6;

    /// <summary>Draws it.</summary>
    /// <param name="state">What to show.</param>
    /// <param name="hints">Lines that go below it.</param>
    /// <param name="width">The terminal's columns.</param>
    /// <param name="height">The terminal's rows.</param>
    public static IRenderable Draw(DemoState state, IReadOnlyList<string> hints, int width, int height)
    {
        var rows = new List<IRenderable> { Title(state, width) };
        var numbers = new Grid();
        numbers.AddColumn(Half(width - (width / 2))).AddColumn(Half(width / 2));
        numbers.AddRow(Box("data", Flow(state)), Box("node", Node(state)));
        rows.Add(numbers);

        // One row stays free: a terminal scrolls when its last one ends.
        var left = height - 1 - 1 - (NumberRows + PanelBorders) - (hints.Count + 1);
        var warnings = state.Warnings.TakeLast(MostWarnings).ToList();
        var warningRows = warnings.Count == 0 ? 0 : warnings.Count + PanelBorders;
        var paths = Math.Min(MostPaths, left - warningRows - PanelBorders);
        if (paths > 0)
        {
            rows.Add(Box("most errors, last 5 minutes", Paths(state.Top, paths, width - 4)));
        }

        if (warnings.Count > 0 && left > warningRows)
        {
            rows.Add(Box(Invariant($"warnings ({state.WarningCount:N0})"), Lines(warnings, width - 4, "yellow")));
        }

        rows.Add(Lines(["", .. hints], width, "grey"));
        return new Rows(rows);
    }

    private static GridColumn Half(int width) => new() { Width = width, Padding = new Padding(0, 0, 0, 0) };

    private static IRenderable Title(DemoState state, int width)
    {
        var time = $"{state.Elapsed:hh\\:mm\\:ss}{(state.Length is { } length ? $" of {length:hh\\:mm\\:ss}" : ", Ctrl-C ends it")}";
        var (color, status) = state switch
        {
            { Ending: { } phase } => ("yellow", phase),
            { NotReady: { } reason } => ("red", $"not ready: {reason}"),
            _ => ("green", "ready"),
        };
        var room = Math.Max(0, width - " clickstream demo  ".Length - time.Length - 5);
        return new Markup($" [bold]clickstream demo[/]  [{color}]●[/] {Markup.Escape(Cut(status, room))}  [grey]{Markup.Escape(time)}[/]");
    }

    private static Panel Box(string title, IRenderable content) =>
        new(content) { Header = new PanelHeader($" {Markup.Escape(title)} "), Expand = true, Border = BoxBorder.Rounded, BorderStyle = Style.Parse("grey") };

    private static Grid Flow(DemoState state) => Numbers(
        ("clicks in", Count(state.ClicksSent), Rate(state.ClicksPerSecond)),
        ("errors out", Count(state.Errors), Rate(state.ErrorsPerSecond)),
        ("rows: errors", Count(state.Tables?.ErrorRows), ""),
        ("rows: counts", Count(state.Tables?.CountRows), ""),
        ("dead letters", Alarm(state.Tables?.DeadLetters), ""),
        ("late", Alarm(state.Late), ""));

    private static Grid Node(DemoState state) => Numbers(
        ("lag", Count(state.Lag), "clicks"),
        ("latency p50", Milliseconds(state.LatencyMedian), "ms"),
        ("latency p99", Milliseconds(state.Latency99), "ms"),
        ("last commit", Milliseconds(state.Commit), "ms"),
        ("committed", Count(state.Committed), "clicks"),
        ("counted", Count(state.Tables?.Counted), "errors"));

    private static Grid Numbers(params (string Label, string Number, string Unit)[] rows)
    {
        var grid = new Grid();
        grid.AddColumn(new GridColumn { NoWrap = true, Width = 12 });
        grid.AddColumn(new GridColumn { NoWrap = true, Width = 10, Alignment = Justify.Right });
        grid.AddColumn(new GridColumn { NoWrap = true });
        foreach (var (label, number, unit) in rows)
        {
            grid.AddRow(new Markup($"[grey]{label}[/]"), new Markup($"[bold]{number}[/]"), new Markup($"[grey]{unit}[/]"));
        }

        return grid;
    }

    private static IRenderable Paths(IReadOnlyList<TopPath> top, int rows, int width)
    {
        const int StatusWidth = 5;
        const int CountWidth = 9;
        var pathWidth = Math.Clamp(width / 2, 10, 60);
        var barWidth = Math.Max(0, width - pathWidth - StatusWidth - CountWidth - 1);
        var most = top.Count > 0 ? Math.Max(1, top[0].Count) : 1;
        var lines = top.Take(rows).Select(t =>
        {
            var bar = new string('━', (int)Math.Round((double)t.Count / most * barWidth));
            var path = Cut(t.Path, pathWidth).PadRight(pathWidth);
            return $"{Markup.Escape(path)}{t.Status,StatusWidth}[bold]{Invariant($"{t.Count,CountWidth:N0}")}[/] [{Color(t.Status)}]{bar}[/]";
        }).ToList();

        // The frame keeps its height: what follows shall not jump.
        lines.AddRange(Enumerable.Repeat(lines.Count == 0 ? "[grey]none yet[/]" : "", rows - lines.Count).Select((line, n) => n == 0 ? line : ""));
        return new Rows(lines.Select(IRenderable (line) => line.Length == 0 ? new Text(" ") : new Markup(line)));
    }

    private static IRenderable Lines(IEnumerable<string> lines, int width, string color) =>
        new Rows(lines.Select(line => new Text(line.Length == 0 ? " " : Cut(line, width), Style.Parse(color))));

    /// <summary>Cuts to a width, one column per character, without what would move the cursor. Rarer, wider characters are replaced.</summary>
    private static string Cut(string text, int width)
    {
        var plain = string.Concat(text.Take(width + 1).Select(c => c is >= ' ' and < '\u0300' and not ('\u007F' or (>= '\u0080' and < '\u00A0')) ? c : '?'));
        return plain.Length <= width ? plain : width > 0 ? string.Concat(plain.AsSpan(0, width - 1), "…") : "";
    }

    private static string Color(int status) => status >= 500 ? "red" : "yellow";

    private static string Count(long? number) => number is { } n ? Invariant($"{n:N0}") : "-";

    private static string Alarm(long? number) => number > 0 ? $"[yellow]{Count(number)}[/]" : Count(number);

    private static string Rate(double perSecond) => Invariant($"{perSecond:N0}/s");

    private static string Milliseconds(TimeSpan? time) => time is { } t ? Invariant($"{t.TotalMilliseconds:N0}") : "-";

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
