using System.Diagnostics;
using System.Globalization;
using Streams.Hosting.Embedded;

namespace Chaos.Tests;

/// <summary>A file system of a few megabytes that belongs to the user whom a Postgres server runs as.</summary>
internal sealed class SmallDisk : IDisposable
{
    private SmallDisk(string folder) => Folder = folder;

    /// <summary>Where it is mounted.</summary>
    public string Folder { get; }

    /// <summary>Mounts one; null where this process may not.</summary>
    public static SmallDisk? TryMount(EmbeddedPostgres server, int megabytes)
    {
        var folder = Path.Combine(Path.GetTempPath(), $"streams-tests-disk-{Guid.NewGuid():N}");
        Directory.CreateDirectory(folder);
        if (Output("stat", "-c", "%u", server.DataFolder) is { } owner
            && Output("mount", "-t", "tmpfs", "-o", string.Create(CultureInfo.InvariantCulture, $"size={megabytes}m,mode=700,uid={owner}"), "tmpfs", folder) is not null)
        {
            return new SmallDisk(folder);
        }

        Directory.Delete(folder);
        return null;
    }

    public void Dispose()
    {
        // The server may still hold files open.
        Output("umount", "-l", Folder);
        Directory.Delete(Folder);
    }

    private static string? Output(string program, params string[] arguments)
    {
        try
        {
            using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardOutput = true, RedirectStandardError = true })!;
            var output = process.StandardOutput.ReadToEnd().Trim();
            process.WaitForExit();
            return process.ExitCode == 0 ? output : null;
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }
}
