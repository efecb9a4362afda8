using System.Diagnostics;
using System.Globalization;

namespace Streams.Hosting.Embedded;

/// <summary>
/// A running Postgres server under a small shell that watches over it. The shell's standard input is a pipe from this
/// process: when this process ends, however it ends, the pipe closes and the shell stops the server.
/// </summary>
/// <remarks>
/// A parent-death signal (PR_SET_PDEATHSIG) would not do: it is sent when the *thread* that started the server ends, and
/// pool threads come and go.
/// </remarks>
internal sealed class PostgresProcess : IDisposable
{
    // $1 the log, $2 the signal that stops an abandoned server, then the server's command line.
    // It outlives the signals that a terminal or a service manager sends to a whole group: the program still needs its server
    // to shut down in order. The watcher inherits that, so only KILL ends it; the server sets its own handlers.
    private const string Supervisor = """
        trap '' INT TERM HUP
        log=$1 signal=$2
        shift 2
        exec 3<&0 0</dev/null 2>>"$log"
        "$@" 3<&- >>"$log" &
        server=$!
        echo "$server"
        (
          while read -r _; do :; done
          for next in "$signal" QUIT KILL; do
            kill -s "$next" "$server" || exit
            tries=0
            while kill -0 "$server" && [ "$tries" -lt 100 ]; do sleep 0.1; tries=$((tries + 1)); done
          done
        ) <&3 >/dev/null 2>&1 &
        watcher=$!
        wait "$server"
        status=$?
        kill -s KILL "$watcher"
        wait "$watcher"
        exit "$status"
        """;

    private readonly Process supervisor;

    private PostgresProcess(Process supervisor, int id)
    {
        this.supervisor = supervisor;
        Id = id;
    }

    /// <summary>The process id of the server itself.</summary>
    public int Id { get; }

    public bool HasExited => supervisor.HasExited;

    /// <summary>Starts the server; it does not accept connections yet.</summary>
    /// <param name="folder">Where it runs and logs.</param>
    /// <param name="commandLine">The program and its arguments.</param>
    /// <param name="temporary">Whether an abandoned server may be stopped the rough way, since nobody needs its data.</param>
    /// <param name="cancel">Ends the waiting for the shell.</param>
    public static async Task<PostgresProcess> StartAsync(
        PostgresFolder folder, IReadOnlyList<string> commandLine, bool temporary, CancellationToken cancel)
    {
        ProcessStartInfo start = Command.PrepareOwnSession(
            "/bin/sh", ["-c", Supervisor, "postgres-supervisor", folder.Log, temporary ? "QUIT" : "INT", .. commandLine], folder.RunAs);
        start.RedirectStandardError = false;
        Process supervisor = Process.Start(start)!;
        try
        {
            string? line = await supervisor.StandardOutput.ReadLineAsync(cancel);
            if (!int.TryParse(line, NumberStyles.None, CultureInfo.InvariantCulture, out int id))
            {
                throw new EmbeddedServerException($"The embedded Postgres could not be started: its log {folder.Log} cannot be written.");
            }
            return new PostgresProcess(supervisor, id);
        }
        catch
        {
            supervisor.StandardInput.Close();
            supervisor.Dispose();
            throw;
        }
    }

    /// <summary>Whether the server says, in the file that it keeps for that, that it accepts connections.</summary>
    public bool IsReady(PostgresFolder folder)
    {
        string[] lines = ReadPidFile(folder);
        return lines.Length >= 8 && lines[0] == Id.ToString(CultureInfo.InvariantCulture) && lines[7].StartsWith("ready", StringComparison.Ordinal);
    }

    /// <summary>Sends the server a signal; nothing happens when it has ended.</summary>
    public void Send(Posix.Signal signal)
    {
        if (!HasExited)
        {
            Posix.Send(Id, signal);
        }
    }

    /// <summary>Stops the server, more and more roughly if it does not stop.</summary>
    public async Task StopAsync(bool immediate)
    {
        Posix.Signal[] steps = immediate ? [Posix.Signal.Quit, Posix.Signal.Kill] : [Posix.Signal.Interrupt, Posix.Signal.Quit, Posix.Signal.Kill];
        foreach (Posix.Signal step in steps)
        {
            Send(step);
            using var patience = new CancellationTokenSource(TimeSpan.FromSeconds(30));
            try
            {
                await supervisor.WaitForExitAsync(patience.Token);
                return;
            }
            catch (OperationCanceledException)
            {
                // The next signal is stronger.
            }
        }
    }

    /// <summary>Waits until the server has ended.</summary>
    public Task WaitAsync(CancellationToken cancel) => supervisor.WaitForExitAsync(cancel);

    /// <summary>Gives up the server: if it still runs, it is stopped.</summary>
    public void Dispose()
    {
        supervisor.StandardInput.Close();
        supervisor.Dispose();
    }

    /// <summary>
    /// Stops a server that still runs in a folder which this process has just taken, so that no living process owns it: the
    /// process that did was killed, and its server is on its way out or has lost its supervisor too.
    /// </summary>
    public static async Task StopAbandonedAsync(PostgresFolder folder, TimeProvider clock, CancellationToken cancel)
    {
        string[] lines = ReadPidFile(folder);
        if (lines.Length == 0 || !int.TryParse(lines[0], NumberStyles.None, CultureInfo.InvariantCulture, out int id))
        {
            return;
        }
        // The file may be old, and its number somebody else's by now: only a server of these data is stopped.
        foreach (Posix.Signal step in new[] { Posix.Signal.Interrupt, Posix.Signal.Quit, Posix.Signal.Kill })
        {
            long begin = clock.GetTimestamp();
            for (bool sent = false; Posix.CommandLineOf(id)?.Contains(folder.Data, StringComparison.Ordinal) == true; sent = true)
            {
                if (!sent)
                {
                    Posix.Send(id, step);
                }
                if (clock.GetElapsedTime(begin) > TimeSpan.FromSeconds(10))
                {
                    break;
                }
                await Task.Delay(TimeSpan.FromMilliseconds(50), clock, cancel);
            }
        }
    }

    private static string[] ReadPidFile(PostgresFolder folder)
    {
        try
        {
            return File.ReadAllLines(Path.Combine(folder.Data, "postmaster.pid"));
        }
        catch (IOException)
        {
            return [];
        }
    }
}
