using System.Diagnostics;
using System.Globalization;
using Spectre.Console;

namespace Streams.Bench;

/// <summary>Says on standard error what goes on: a moving bar on a terminal, a line per benchmark and some in between elsewhere.</summary>
internal sealed class RunView
{
    private static readonly TimeSpan LineInterval = TimeSpan.FromSeconds(5);

    private readonly IAnsiConsole _console = AnsiConsole.Create(new AnsiConsoleSettings { Out = new AnsiConsoleOutput(Console.Error) });

    /// <summary>Says one line.</summary>
    public void Say(string line) => _console.Profile.Out.Writer.WriteLine(line);

    /// <summary>Runs a piece of work that tells how far it has come, from 0 to 1.</summary>
    public async Task<T> RunAsync<T>(string name, Func<Action<double>, Task<T>> work)
    {
        var started = Stopwatch.GetTimestamp();
        var result = _console.Profile.Capabilities.Interactive && !Console.IsErrorRedirected
            ? await WithBarAsync(name, work)
            : await work(Lines(name));
        Say(string.Create(CultureInfo.InvariantCulture, $"{name}: done in {Stopwatch.GetElapsedTime(started).TotalSeconds:N1} s"));
        return result;
    }

    private Task<T> WithBarAsync<T>(string name, Func<Action<double>, Task<T>> work) => _console.Progress().AutoClear(true).StartAsync(async context =>
    {
        var bar = context.AddTask(name, maxValue: 1);
        return await work(done => bar.Value = done);
    });

    private Action<double> Lines(string name)
    {
        var last = Stopwatch.GetTimestamp();
        return done =>
        {
            if (Stopwatch.GetElapsedTime(last) >= LineInterval)
            {
                last = Stopwatch.GetTimestamp();
                Say(string.Create(CultureInfo.InvariantCulture, $"{name}: {done:P0}"));
            }
        };
    }
}
