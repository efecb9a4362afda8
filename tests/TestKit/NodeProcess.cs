using System.Diagnostics;
using Streams.Hosting.Embedded;

namespace TestKit;

/// <summary>What a test can do to a process from outside.</summary>
public enum ProcessSignal
{
    /// <summary>SIGTERM: please end.</summary>
    Terminate,

    /// <summary>SIGINT, as Ctrl-C sends it.</summary>
    Interrupt,

    /// <summary>SIGSTOP: stand still, as under a debugger or on a frozen machine.</summary>
    Stop,

    /// <summary>SIGCONT: go on.</summary>
    Continue,

    /// <summary>SIGKILL: end without a chance to do anything.</summary>
    Kill,
}

/// <summary>A program under test, as a process of its own. It is killed when the test disposes this, and when the test run dies.</summary>
public sealed class NodeProcess : IAsyncDisposable
{
    private static readonly TimeSpan _lastLines = TimeSpan.FromSeconds(5);

    private readonly Process process;
    private readonly Lock gate = new();
    private readonly List<string> lines = [];
    private readonly TaskCompletionSource<int> ended = new(TaskCreationOptions.RunContinuationsAsynchronously);

    private NodeProcess(Process process) => this.process = process;

    /// <summary>The process id.</summary>
    public int Id { get; private set; }

    /// <summary>Whether the process has ended.</summary>
    public bool HasExited => ended.Task.IsCompleted;

    /// <summary>The lines of standard output and error so far.</summary>
    public IReadOnlyList<string> Lines
    {
        get
        {
            lock (gate)
            {
                return [.. lines];
            }
        }
    }

    /// <summary>The same as one text, for messages.</summary>
    public string Output => string.Join('\n', Lines);

    /// <summary>Starts a program.</summary>
    /// <param name="file">The program; a <c>.dll</c> is run with <c>dotnet</c>.</param>
    /// <param name="arguments">Its arguments.</param>
    /// <param name="environment">Variables to add to, or with null to remove from, this process' environment.</param>
    /// <param name="workingFolder">Its current folder; this process' if null.</param>
    public static NodeProcess Start(
        string file, IEnumerable<string> arguments, IReadOnlyDictionary<string, string?>? environment = null, string? workingFolder = null)
    {
        bool isDll = file.EndsWith(".dll", StringComparison.OrdinalIgnoreCase);
        var start = new ProcessStartInfo(isDll ? "dotnet" : file, isDll ? [file, .. arguments] : arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = workingFolder ?? "",
        };
        foreach ((string name, string? value) in environment ?? new Dictionary<string, string?>())
        {
            start.Environment[name] = value;
        }
        var node = new NodeProcess(new Process { StartInfo = start, EnableRaisingEvents = true });
        node.Run();
        return node;
    }

    /// <summary>Waits for a line that contains a text, past and future ones, and returns it.</summary>
    public async Task<string> WaitForLineAsync(string text, TimeSpan patience)
    {
        bool Matches(string line) => line.Contains(text, StringComparison.Ordinal);
        try
        {
            return (await Eventually.Until(
                () => Task.FromResult(HasExited && !Lines.Any(Matches) ? "" : Lines.FirstOrDefault(Matches)), line => line is not null, patience,
                $"process {Id} writes '{text}'")) is { Length: > 0 } found
                ? found
                : throw new InvalidOperationException($"Process {Id} ended before it wrote '{text}'. It wrote:\n{Output}");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} It wrote:\n{Output}", e);
        }
    }

    /// <summary>Sends a signal; false if the process has ended.</summary>
    public bool Signal(ProcessSignal signal) => !HasExited && Signal(Id, signal);

    /// <summary>Sends a signal to any process; false if there is none.</summary>
    internal static bool Signal(int process, ProcessSignal signal) => Posix.Send(process, signal switch
    {
        ProcessSignal.Terminate => Posix.Signal.Terminate,
        ProcessSignal.Interrupt => Posix.Signal.Interrupt,
        ProcessSignal.Kill => Posix.Signal.Kill,
        // These two have other numbers on macOS.
        ProcessSignal.Stop => (Posix.Signal)(OperatingSystem.IsMacOS() ? 17 : 19),
        ProcessSignal.Continue => (Posix.Signal)(OperatingSystem.IsMacOS() ? 19 : 18),
        _ => throw new ArgumentOutOfRangeException(nameof(signal), signal, null),
    });

    /// <summary>Kills the process (SIGKILL) and waits until it is gone.</summary>
    public async Task KillAsync()
    {
        Signal(ProcessSignal.Kill);
        await WaitForExitAsync(TimeSpan.FromSeconds(30));
    }

    /// <summary>Waits until the process has ended and all its output is read, and returns its exit code (128 + N after signal N).</summary>
    public async Task<int> WaitForExitAsync(TimeSpan patience)
    {
        try
        {
            return await ended.Task.WaitAsync(patience);
        }
        catch (TimeoutException)
        {
            throw new TimeoutException($"Process {Id} has not ended within {patience.TotalSeconds:0.#} s. It wrote:\n{Output}");
        }
    }

    /// <summary>Kills the process if it still runs.</summary>
    public async ValueTask DisposeAsync()
    {
        await KillAsync();
        process.Dispose();
    }

    private void Run()
    {
        process.OutputDataReceived += (_, e) => Keep(e.Data);
        process.ErrorDataReceived += (_, e) => Keep(e.Data);
        var exit = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
        process.Exited += (_, _) => exit.SetResult();
        process.Start();
        Id = process.Id;
        Reaper.Add(Id);
        process.BeginOutputReadLine();
        process.BeginErrorReadLine();
        _ = EndAsync(exit.Task);
    }

    private async Task EndAsync(Task exit)
    {
        await exit;
        Reaper.Remove(Id);
        // Children that outlive it may hold its output open: what they write is not waited for. Its own last lines may take a while
        // to be read where everything is busy.
        await Task.WhenAny(process.WaitForExitAsync(), Task.Delay(_lastLines));
        ended.SetResult(process.ExitCode);
    }

    private void Keep(string? line)
    {
        if (line is not null)
        {
            lock (gate)
            {
                lines.Add(line);
            }
        }
    }
}
