using System.Diagnostics;
using System.Globalization;
using Streams.Hosting.Embedded;

namespace TestKit;

/// <summary>
/// Kills the processes that a test run started, should the test run itself be killed: a small shell that reads their ids
/// from a pipe, and acts when the pipe closes.
/// </summary>
internal static class Reaper
{
    private const string Script = """
        watched=' '
        while read -r what id; do
          case $what in
            add) watched="$watched$id " ;;
            remove) watched="${watched%% "$id" *} ${watched#* "$id" }" ;;
          esac
        done
        for id in $watched; do kill -s KILL "$id" 2>/dev/null; done
        """;

    private static readonly Lock Gate = new();
    private static Process? shell;

    /// <summary>Watches over a process that has just been started.</summary>
    public static void Add(int process) => Tell("add", process);

    /// <summary>Forgets a process that has ended: its id may become another's.</summary>
    public static void Remove(int process) => Tell("remove", process);

    private static void Tell(string what, int process)
    {
        lock (Gate)
        {
            shell ??= Process.Start(Command.PrepareOwnSession("/bin/sh", ["-c", Script, "reaper"], user: null))!;
            shell.StandardInput.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{what} {process}"));
            shell.StandardInput.Flush();
        }
    }
}
