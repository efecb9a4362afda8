using System.ComponentModel;
using System.Diagnostics;

namespace Streams.Hosting.Embedded;

/// <summary>How a command ended, and what it wrote to its standard output and error.</summary>
internal readonly record struct CommandResult(int ExitCode, string Output);

/// <summary>Runs short commands of the machine to their end.</summary>
internal static class Command
{
    /// <summary>Runs a command and waits for it.</summary>
    /// <param name="file">A program, by path or by its name on PATH.</param>
    /// <param name="arguments">Its arguments, passed as they are.</param>
    /// <param name="user">The user to run it as; null for the current one. Only root can ask for another.</param>
    /// <returns>Exit code 127 when there is no such program.</returns>
    public static CommandResult Run(string file, IEnumerable<string> arguments, string? user = null)
    {
        try
        {
            using Process process = Process.Start(Prepare(file, arguments, user))!;
            Task<string> errors = process.StandardError.ReadToEndAsync();
            string output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return new CommandResult(process.ExitCode, (output + errors.GetAwaiter().GetResult()).Trim());
        }
        catch (Win32Exception e)
        {
            return new CommandResult(127, e.Message);
        }
    }

    /// <summary>A start of a program with all its streams redirected, in a folder and environment that any user can have.</summary>
    public static ProcessStartInfo Prepare(string file, IEnumerable<string> arguments, string? user)
    {
        var start = new ProcessStartInfo(file, arguments)
        {
            // The current folder may be one that the other user cannot enter.
            WorkingDirectory = "/",
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        if (user is not null && !OperatingSystem.IsWindows())
        {
            start.UserName = user;
        }
        // PGPORT, PGDATA and their like are meant for other servers; messages are read by this program.
        foreach (string name in start.Environment.Keys.Where(k => k.StartsWith("PG", StringComparison.Ordinal)).ToList())
        {
            start.Environment.Remove(name);
        }
        start.Environment["LC_ALL"] = "C";
        return start;
    }

    /// <summary>
    /// The same in a session of its own, where the machine has a <c>setsid</c> to make one: a terminal's Ctrl-C is for this
    /// program, which may still need what it started.
    /// </summary>
    public static ProcessStartInfo PrepareOwnSession(string file, IEnumerable<string> arguments, string? user)
        => Find("setsid") is { } setsid ? Prepare(setsid, [file, .. arguments], user) : Prepare(file, arguments, user);

    /// <summary>The full path of a program on PATH, or null.</summary>
    public static string? Find(string name) => (Environment.GetEnvironmentVariable("PATH") ?? "")
        .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
        .Select(folder => Path.Combine(folder, name))
        .FirstOrDefault(File.Exists);
}
