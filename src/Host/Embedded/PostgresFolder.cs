using System.Globalization;
using System.Runtime.Versioning;
using System.Security.Cryptography;
using System.Text;

namespace Streams.Hosting.Embedded;

/// <summary>
/// The folder of one embedded server, held by one process at a time:
/// <code>
/// ROOT/postgres.lock       locked while a process uses the folder; says the last port
/// ROOT/postgres/data/      what initdb made; data.new while it makes it
/// ROOT/postgres/password   the password of the only role
/// ROOT/postgres/server.log
/// </code>
/// </summary>
internal sealed class PostgresFolder : IDisposable
{
    private const int MostServers = 64;
    private readonly FileStream held;

    private PostgresFolder(string path, FileStream held, string? runAs)
    {
        Location = path;
        this.held = held;
        RunAs = runAs;
    }

    /// <summary>The full path of the folder.</summary>
    public string Location { get; }

    /// <summary>The user that the server runs as; null for the current one. Postgres refuses to run as root.</summary>
    public string? RunAs { get; }

    public string Data => Path.Combine(Location, "data");

    public string UnfinishedData => Path.Combine(Location, "data.new");

    public string PasswordFile => Path.Combine(Location, "password");

    public string Log => Path.Combine(Location, "server.log");

    /// <summary>The port of the last run, or null.</summary>
    public int? LastPort
    {
        get
        {
            held.Position = 0;
            Span<byte> text = stackalloc byte[16];
            int length = held.ReadAtLeast(text, text.Length, throwOnEndOfStream: false);
            return int.TryParse(text[..length], NumberStyles.None, CultureInfo.InvariantCulture, out int port) ? port : null;
        }
        set
        {
            held.SetLength(0);
            held.Position = 0;
            held.Write(Encoding.ASCII.GetBytes(value?.ToString(CultureInfo.InvariantCulture) ?? ""));
            held.Flush();
        }
    }

    /// <summary>The major version that wrote the data; null if there are none.</summary>
    public int? DataVersion
    {
        get
        {
            string file = Path.Combine(Data, "PG_VERSION");
            return File.Exists(file) && int.TryParse(File.ReadAllText(file), CultureInfo.InvariantCulture, out int major) ? major : null;
        }
    }

    /// <summary>Takes the first folder under the root that no other process uses, and makes it if need be.</summary>
    /// <exception cref="EmbeddedServerException">Nothing can be written there.</exception>
    [UnsupportedOSPlatform("windows")]
    public static PostgresFolder Claim(string root, bool temporary)
    {
        root = Path.GetFullPath(root);
        string? user = Environment.IsPrivilegedProcess ? UnprivilegedUser() : null;
        MakeRoot(root);
        if (user is not null && !CanEnter(user, root))
        {
            // Typically a project in root's home folder. The same project finds the same folder again.
            string hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(root)))[..12];
            root = $"{(temporary ? "/tmp" : "/var/tmp")}/streams-{hash}";
            MakeRoot(root);
            if (OwnerOf(root) != "root" || !CanEnter(user, root))
            {
                throw new EmbeddedServerException($"The embedded Postgres runs as the user {user}, who can enter neither the folder asked for "
                    + $"nor {root}. Choose a folder that {user} can enter, or run the program as an ordinary user.");
            }
        }
        for (int number = 1; number <= MostServers; number++)
        {
            string path = Path.Combine(root, number == 1 ? "postgres" : $"postgres-{number}");
            if (TryLock(path + ".lock") is { } held)
            {
                try
                {
                    return Open(path, held, user);
                }
                catch
                {
                    held.Dispose();
                    throw;
                }
            }
        }
        throw new EmbeddedServerException($"All {MostServers} folders for embedded Postgres servers under {root} are in use, or belong to another user. "
            + "Stop some of the programs that use them, or choose another folder.");
    }

    /// <summary>Writes a new password for the role that initdb is about to make, readable by the server's user only.</summary>
    [UnsupportedOSPlatform("windows")]
    public void CreatePassword()
    {
        File.Delete(PasswordFile);
        using (var file = new FileStream(PasswordFile, new FileStreamOptions
        {
            Mode = FileMode.CreateNew,
            Access = FileAccess.Write,
            UnixCreateMode = UnixFileMode.UserRead | UnixFileMode.UserWrite,
        }))
        {
            file.Write(Encoding.ASCII.GetBytes(RandomNumberGenerator.GetString("abcdefghijkmnpqrstuvwxyz23456789", 24)));
        }
        GiveTo(RunAs, PasswordFile);
    }

    public string ReadPassword() => File.ReadAllText(PasswordFile).Trim();

    /// <summary>Removes the server's data and log, for a fresh start.</summary>
    public void Wipe()
    {
        foreach (string folder in new[] { Data, UnfinishedData }.Where(Directory.Exists))
        {
            Directory.Delete(folder, recursive: true);
        }
        File.Delete(PasswordFile);
        File.Delete(Log);
    }

    /// <summary>Lets another process have the folder.</summary>
    public void Dispose() => held.Dispose();

    [UnsupportedOSPlatform("windows")]
    private static PostgresFolder Open(string path, FileStream held, string? user)
    {
        // Data that an ordinary user has made stay that user's, even when root runs the program.
        string data = Path.Combine(path, "data");
        if (user is not null && Directory.Exists(data) && OwnerOf(data) is { } owner && owner != "root")
        {
            user = owner;
        }
        else if (!Directory.Exists(path))
        {
            Directory.CreateDirectory(path, UnixFileMode.UserRead | UnixFileMode.UserWrite | UnixFileMode.UserExecute);
            GiveTo(user, path);
        }
        return new PostgresFolder(path, held, user);
    }

    [UnsupportedOSPlatform("windows")]
    private static void MakeRoot(string root)
    {
        try
        {
            if (!Directory.Exists(root))
            {
                Directory.CreateDirectory(root);
                // Whatever the umask: the server's user has to pass through.
                File.SetUnixFileMode(root, File.GetUnixFileMode(root) | UnixFileMode.GroupExecute | UnixFileMode.OtherExecute);
            }
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            throw new EmbeddedServerException($"The folder for the embedded Postgres, {root}, cannot be made: {e.Message} Choose another folder.", e);
        }
    }

    private static FileStream? TryLock(string file)
    {
        try
        {
            return new FileStream(file, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None);
        }
        catch (IOException)
        {
            return null;
        }
        catch (UnauthorizedAccessException e) when (!File.Exists(file))
        {
            throw new EmbeddedServerException($"The embedded Postgres cannot write to {Path.GetDirectoryName(file)}, which belongs to "
                + $"{OwnerOf(Path.GetDirectoryName(file)!) ?? "another user"}. Run the program as that user, remove the folder, or choose another one.", e);
        }
        catch (UnauthorizedAccessException)
        {
            return null;
        }
    }

    private static string UnprivilegedUser() => Command.Run("id", ["-u", "postgres"]).ExitCode == 0 ? "postgres" : "nobody";

    private static bool CanEnter(string user, string folder) => Command.Run("/bin/sh", ["-c", "cd \"$1\"", "sh", folder], user).ExitCode == 0;

    private static string? OwnerOf(string path)
        => Command.Run("stat", ["-c", "%U", path]) is { ExitCode: 0 } r ? r.Output
            : Command.Run("stat", ["-f", "%Su", path]) is { ExitCode: 0 } bsd ? bsd.Output : null;

    private static void GiveTo(string? user, string path)
    {
        if (user is not null && Command.Run("chown", ["-h", user, path]) is { ExitCode: not 0 } failed)
        {
            throw new EmbeddedServerException($"{path} could not be given to the user {user}, who runs the embedded Postgres: {failed.Output}");
        }
    }
}
