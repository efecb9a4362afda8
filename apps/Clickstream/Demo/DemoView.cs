using System.Globalization;
using Spectre.Console;

namespace Clickstream;

/// <summary>
/// What the demo shows while it runs: a live picture on a terminal, else a line every two seconds. With JSON as the result, standard
/// output is left to that, and the lines go to standard error.
/// </summary>
internal sealed class DemoView
{
    private static readonly TimeSpan FrameInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(2);

    private readonly TextWriter _out;
    private readonly IAnsiConsole? _terminal;
    private long _warningsSaid;

    /// <summary>Creates a view.</summary>
    /// <param name="linesOnly">Whether to write lines to standard error, whatever that is.</param>
    public DemoView(bool linesOnly)
    {
        _out = linesOnly ? Console.Error : Console.Out;
        if (!linesOnly && !Console.IsOutputRedirected && AnsiConsole.Profile.Capabilities.Ansi)
        {
            _terminal = AnsiConsole.Console;
        }
    }

    /// <summary>Says what is being done, does it, and says what came of it on the same line.</summary>
    public async Task StepAsync(string doing, Func<Task<string>> step)
    {
        _out.Write($"{doing} ... ");
        _out.Flush();
        try
        {
            Say(await step());
        }
        catch
        {
            Say("");
            throw;
        }
    }

    /// <summary>Writes a line.</summary>
    public void Say(string line)
    {
        _out.WriteLine(line);
        _out.Flush();
    }

    /// <summary>Shows the state until <paramref name="work"/> has ended, and its last state.</summary>
    public async Task RunAsync(Func<DemoState> state, IReadOnlyList<string> hints, Task work)
    {
        if (_terminal is null)
        {
            await RunLinesAsync(state, hints, work);
            return;
        }

        await _terminal.Live(Frame()).AutoClear(false).Overflow(VerticalOverflow.Crop).StartAsync(async live =>
        {
            while (await Task.WhenAny(work, Task.Delay(FrameInterval)) != work)
            {
                live.UpdateTarget(Frame());
            }

            live.UpdateTarget(Frame());
        });
        _terminal.WriteLine();
        await work;

        Spectre.Console.Rendering.IRenderable Frame() => DemoFrame.Draw(state(), hints, _terminal.Profile.Width, _terminal.Profile.Height);
    }

    private async Task RunLinesAsync(Func<DemoState> state, IReadOnlyList<string> hints, Task work)
    {
        foreach (var hint in hints)
        {
            Say(hint);
        }

        while (await Task.WhenAny(work, Task.Delay(LineInterval)) != work)
        {
            SayState(state());
        }

        SayState(state());
        await work;
    }

    private void SayState(DemoState state)
    {
        var missed = (int)Math.Min(state.WarningCount - _warningsSaid, state.Warnings.Count);
        _warningsSaid = state.WarningCount;
        foreach (var warning in state.Warnings.TakeLast(missed))
        {
            Say(warning);
        }

        Say(Line(state));
    }

    /// <summary>The state in one line.</summary>
    public static string Line(DemoState state) =>
        $"{state.Elapsed:hh\\:mm\\:ss}  in {Number(state.ClicksSent)} ({Number(state.ClicksPerSecond)}/s)  "
        + $"errors {Number(state.Errors)} ({Number(state.ErrorsPerSecond)}/s)  "
        + $"rows {Number(state.Tables?.ErrorRows)}  counts {Number(state.Tables?.CountRows)}  dead {Number(state.Tables?.DeadLetters)}  "
        + $"late {Number(state.Late)}  lag {Number(state.Lag)}  "
        + $"p50 {Milliseconds(state.LatencyMedian)}  p99 {Milliseconds(state.Latency99)}  commit {Milliseconds(state.Commit)}"
        + (state.NotReady is { } reason ? $"  not ready: {reason}" : "");

    private static string Number(double? number) => number is { } n ? n.ToString("N0", CultureInfo.InvariantCulture) : "-";

    private static string Milliseconds(TimeSpan? time) => time is { } t ? $"{Number(t.TotalMilliseconds)} ms" : "-";
}
