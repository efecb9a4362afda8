using Spectre.Console;
using Xunit;

namespace Clickstream.Tests;

public sealed class DemoFrameTests
{
    private static readonly string[] Hints = ["Look for yourself:", "  psql postgresql://streams:secret@127.0.0.1:15432/streams"];

    private static readonly DemoState State = new()
    {
        Elapsed = TimeSpan.FromSeconds(65),
        Length = TimeSpan.FromMinutes(2),
        Ending = null,
        NotReady = null,
        ClicksSent = 1_234_567,
        ClicksPerSecond = 1000.4,
        Committed = 1_234_500,
        Errors = 170_000,
        ErrorsPerSecond = 140,
        Tables = new TableCounts(1_234_000, 169_000, 9000, 169_000, 3),
        Top = [.. Enumerable.Range(0, 20).Select(n => new TopPath($"/a/long/path/[with]/brackets/and/more/of/it/{n}/{new string('x', 3000)}", 404 + n, 1000 - n))],
        Late = 0,
        LatencyMedian = TimeSpan.FromMilliseconds(42),
        Latency99 = null,
        Commit = TimeSpan.FromMilliseconds(17),
        WarningCount = 7,
        Warnings = ["12:00:00 warning: [red]one[/]\nand its second line", "two \u001b[2J", new string('w', 500)],
    };

    private static string[] Draw(DemoState state, int width, int height)
    {
        var text = new StringWriter();
        var console = AnsiConsole.Create(new AnsiConsoleSettings { Ansi = AnsiSupport.No, ColorSystem = ColorSystemSupport.NoColors, Out = new AnsiConsoleOutput(text) });
        (console.Profile.Width, console.Profile.Height) = (width, height);
        console.Write(DemoFrame.Draw(state, Hints, width, height));
        return text.ToString().TrimEnd('\n').Split('\n');
    }

    [Theory]
    [InlineData(80, 24)]
    [InlineData(100, 30)]
    [InlineData(120, 40)]
    [InlineData(200, 60)]
    public void it_fits_the_terminal_whatever_it_shows(int width, int height)
    {
        DemoState[] states =
        [
            State,
            State with { Top = [], Warnings = [], Tables = null, Length = null },
            State with { NotReady = new string('!', 500) },
            State with { Ending = "traffic has ended" },
        ];
        foreach (var lines in states.Select(state => Draw(state, width, height)))
        {
            Assert.InRange(lines.Length, 12, height - 1);
            Assert.All(lines, line => Assert.InRange(line.TrimEnd('\r').Length, 0, width));
            Assert.Equal(Hints, lines[^Hints.Length..].Select(line => line.TrimEnd()));
            Assert.DoesNotContain(lines, line => line.Contains('\u001b', StringComparison.Ordinal));
        }
    }

    [Fact]
    public void its_height_does_not_change_while_paths_come_in()
    {
        var height = Draw(State with { Top = [] }, 120, 40).Length;
        Assert.Equal(height, Draw(State with { Top = [.. State.Top.Take(1)] }, 120, 40).Length);
        Assert.Equal(height, Draw(State, 120, 40).Length);
    }

    [Fact]
    public void it_shows_what_happens()
    {
        var lines = Draw(State, 120, 40);
        Assert.Contains("ready", lines[0], StringComparison.Ordinal);
        Assert.Contains("00:01:05 of 00:02:00", lines[0], StringComparison.Ordinal);
        foreach (var part in new[] { "1,234,567  1,000/s", "170,000  140/s", "67  clicks", "42  ms", "-  ms", "warnings (7)", "[red]one[/]?and", "[with]" })
        {
            Assert.Contains(lines, line => line.Contains(part, StringComparison.Ordinal));
        }

        Assert.Contains("not ready: Kafka: away", Draw(State with { NotReady = "Kafka: away" }, 120, 40)[0], StringComparison.Ordinal);
    }

    [Fact]
    public void without_a_terminal_it_is_one_line()
    {
        Assert.Equal(
            "00:01:05  in 1,234,567 (1,000/s)  errors 170,000 (140/s)  rows 169,000  counts 9,000  dead 3  late 0  lag 67  p50 42 ms  p99 -  commit 17 ms",
            DemoView.Line(State));
        Assert.EndsWith("rows -  counts -  dead -  late 0  lag 67  p50 42 ms  p99 -  commit 17 ms  not ready: Kafka: away",
            DemoView.Line(State with { Tables = null, NotReady = "Kafka: away" }), StringComparison.Ordinal);
    }
}
