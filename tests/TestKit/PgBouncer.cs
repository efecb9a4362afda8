using System.Diagnostics;
using System.Globalization;
using Npgsql;
using Streams.Hosting.Embedded;

namespace TestKit;

/// <summary>
/// A PgBouncer in transaction mode in front of a server: each transaction may meet another session, so nothing that a session keeps can be
/// relied on.
/// </summary>
public sealed class PgBouncer : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(20);
    private static readonly Version PreparesFrom = new(1, 21);

    private readonly Process process;
    private readonly DirectoryInfo folder;

    private PgBouncer(Process process, DirectoryInfo folder, string connectionString, bool prepares)
    {
        this.process = process;
        this.folder = folder;
        ConnectionString = connectionString;
        Prepares = prepares;
    }

    /// <summary>Why there is none; <c>null</c> where there is one.</summary>
    public static string? Absent => FindProgram() is null
        ? "pgbouncer is not installed; ./dev test installs Debian's package where it can"
        : Environment.IsPrivilegedProcess && OwnUser is null ? "pgbouncer does not run as root, and there is no user postgres to run it as" : null;

    /// <summary>The way to the database through it.</summary>
    public string ConnectionString { get; }

    /// <summary>Whether this version passes prepared statements on in transaction mode.</summary>
    public bool Prepares { get; }

    /// <summary>Starts one in front of a database.</summary>
    /// <param name="connectionString">The database.</param>
    /// <param name="serverConnections">How many sessions of the server all clients share.</param>
    public static async Task<PgBouncer> StartAsync(string connectionString, int serverConnections)
    {
        string program = FindProgram() ?? throw new InvalidOperationException(Absent);
        var server = new NpgsqlConnectionStringBuilder(connectionString);
        int port = FreePort.Next();
        bool prepares = VersionOf(program) >= PreparesFrom;
        DirectoryInfo folder = Directory.CreateTempSubdirectory("streams-tests-pgbouncer-");
        string file = Path.Combine(folder.FullName, "pgbouncer.ini");
        await File.WriteAllTextAsync(file, string.Create(CultureInfo.InvariantCulture, $"""
            [databases]
            * = host={server.Host} port={server.Port} user={server.Username} password={server.Password}
            [pgbouncer]
            listen_addr = 127.0.0.1
            listen_port = {port}
            unix_socket_dir =
            auth_type = any
            pool_mode = transaction
            default_pool_size = {serverConnections}
            {(prepares ? "max_prepared_statements = 200" : "")}
            """));
        if (!OperatingSystem.IsWindows())
        {
            folder.UnixFileMode |= UnixFileMode.OtherRead | UnixFileMode.OtherExecute;
        }
        Process process = Process.Start(Command.PrepareOwnSession(program, [file], OwnUser))!;
        Reaper.Add(process.Id);
        var said = new List<string>();
        process.ErrorDataReceived += (_, e) => { lock (said) { said.Add(e.Data ?? ""); } };
        process.BeginErrorReadLine();
        process.BeginOutputReadLine();
        var way = new NpgsqlConnectionStringBuilder(connectionString) { Host = "127.0.0.1", Port = port, Pooling = false, NoResetOnClose = true };
        var bouncer = new PgBouncer(process, folder, new NpgsqlConnectionStringBuilder(way.ConnectionString) { Pooling = true }.ConnectionString, prepares);
        try
        {
            await Eventually.True(() => AnswersAsync(way.ConnectionString), Patience, "pgbouncer answers");
            return bouncer;
        }
        catch (TimeoutException e)
        {
            await bouncer.DisposeAsync();
            lock (said)
            {
                throw new TimeoutException($"{e.Message} It wrote:\n{string.Join('\n', said)}", e);
            }
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (!process.HasExited)
        {
            process.Kill();
        }
        await process.WaitForExitAsync();
        Reaper.Remove(process.Id);
        process.Dispose();
        folder.Delete(recursive: true);
    }

    private static string? OwnUser => Environment.IsPrivilegedProcess && Command.Run("id", ["-u", "postgres"]).ExitCode == 0 ? "postgres" : null;

    /// <summary>Debian puts it where ordinary users do not look.</summary>
    private static string? FindProgram() => Command.Find("pgbouncer") ?? (File.Exists("/usr/sbin/pgbouncer") ? "/usr/sbin/pgbouncer" : null);

    private static Version VersionOf(string program)
    {
        string first = Command.Run(program, ["--version"]).Output.Split('\n')[0];
        return Version.TryParse(first.Split(' ').Last(), out Version? version) ? version : new Version(0, 0);
    }

    private static async Task<bool> AnswersAsync(string connectionString)
    {
        await using var connection = new NpgsqlConnection(connectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand("SELECT 1", connection);
        return (int)(await command.ExecuteScalarAsync())! == 1;
    }
}
