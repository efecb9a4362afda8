using Spectre.Console;

namespace Clickstream;

/// <summary>How far <c>produce</c> has come.</summary>
/// <param name="Sent">Clicks that a broker has confirmed.</param>
/// <param name="Failed">Clicks that could not be delivered.</param>
/// <param name="Skipped">Lines that are no clicks.</param>
/// <param name="Elapsed">The time since the first click.</param>
/// <param name="ConnectionError">What is wrong with the connection; <c>null</c> when nothing is.</param>
internal readonly record struct ProduceProgress(long Sent, long Failed, long Skipped, TimeSpan Elapsed, string? ConnectionError)
{
    public double PerSecond => Elapsed > TimeSpan.Zero ? Sent / Elapsed.TotalSeconds : 0;
}

/// <summary>
/// What <c>produce</c> shows while it runs: messages on standard error, and on a terminal a line with the progress. Standard output is
/// left to the result.
/// </summary>
internal sealed class ProduceView
{
    private const int ShownSkips = 5;

    private static readonly TimeSpan RefreshInterval = TimeSpan.FromMilliseconds(200);

    private readonly IAnsiConsole? _terminal = Console.IsOutputRedirected || Console.IsErrorRedirected
        ? null
        : AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    private int _skips;

    /// <summary>Runs <paramref name="work"/> under the progress line.</summary>
    public async Task RunAsync(Func<ProduceProgress> progress, Func<Task> work)
    {
        if (_terminal is null)
        {
            await work();
            return;
        }

        await _terminal.Status().StartAsync("connecting to Kafka", async status =>
        {
            // On the thread pool: a source that never waits would keep the line from being drawn.
            var running = Task.Run(work);
            while (await Task.WhenAny(running, Task.Delay(RefreshInterval)) != running)
            {
                status.Status(Markup.Escape(Line(progress())));
            }

            await running;
        });
    }

    /// <summary>Writes a line to standard error.</summary>
    public void Say(string message)
    {
        if (_terminal is null)
        {
            Console.Error.WriteLine(message);
        }
        else
        {
            _terminal.WriteLine(message);
        }
    }

    /// <summary>Shows the first few lines that were skipped.</summary>
    public void Skipped(long line, string reason)
    {
        if (++_skips <= ShownSkips)
        {
            Say($"line {line}: {reason}; skipped");
        }
        else if (_skips == ShownSkips + 1)
        {
            Say("further skipped lines are only counted");
        }
    }

    private static string Line(ProduceProgress progress)
    {
        var line = FormattableString.Invariant(
            $"{progress.Sent:N0} sent  {progress.PerSecond:N0}/s  {progress.Failed:N0} failed  {progress.Skipped:N0} skipped");
        return progress.ConnectionError is { } error ? $"{line}  {error}" : line;
    }
}
