using System.Globalization;
using System.Runtime.InteropServices;

namespace Streams.Hosting.Embedded;

/// <summary>What .NET does not offer of processes on Unix.</summary>
internal static partial class Posix
{
    /// <summary>A signal by its number, which is the same on Linux and macOS for these.</summary>
    public enum Signal
    {
        /// <summary>Does nothing; tells whether the process is there.</summary>
        None = 0,

        /// <summary>Postgres: fast shutdown, running transactions are rolled back.</summary>
        Interrupt = 2,

        /// <summary>Postgres: immediate shutdown, recovery at the next start.</summary>
        Quit = 3,

        /// <summary>Ends the process at once.</summary>
        Kill = 9,

        /// <summary>Asks the process to end.</summary>
        Terminate = 15,
    }

    /// <summary>Sends a signal; false when there is no such process, or it belongs to somebody else.</summary>
    public static bool Send(int process, Signal signal) => process > 1 && Kill(process, (int)signal) == 0;

    /// <summary>The command line of a running process, its arguments separated by spaces; null when it has ended or nobody can tell.</summary>
    public static string? CommandLineOf(int process)
    {
        if (!OperatingSystem.IsLinux())
        {
            CommandResult listed = Command.Run("ps", ["-p", process.ToString(CultureInfo.InvariantCulture), "-o", "command="]);
            return listed.ExitCode == 0 && listed.Output.Length > 0 ? listed.Output : null;
        }
        try
        {
            // Empty for a zombie, which has ended too.
            string text = File.ReadAllText($"/proc/{process}/cmdline").Replace('\0', ' ').Trim();
            return text.Length == 0 ? null : text;
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            return null;
        }
    }

    [LibraryImport("libc", EntryPoint = "kill", SetLastError = true)]
    private static partial int Kill(int process, int signal);
}
