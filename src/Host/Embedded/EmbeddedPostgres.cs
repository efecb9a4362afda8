using System.Collections.Concurrent;
using System.Globalization;
using System.Runtime.Versioning;
using Npgsql;

namespace Streams.Hosting.Embedded;

/// <summary>
/// A private PostgreSQL server, run from the PostgreSQL that is installed on this machine: its own data folder, its own
/// free port on 127.0.0.1, and a random password. It ends with this process, even if that is killed.
/// </summary>
/// <remarks>
/// As root, the server runs as the user <c>postgres</c>, or <c>nobody</c> where there is none; if that user cannot enter
/// the folder asked for, a folder under <c>/var/tmp</c> is used (see <see cref="DataFolder"/>).
/// <example><code>
/// await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(new EmbeddedPostgresOptions());
/// await using var data = NpgsqlDataSource.Create(postgres.ConnectionString);
/// </code></example>
/// </remarks>
public sealed class EmbeddedPostgres : IAsyncDisposable
{
    private const string Role = "streams";

    // An instance that nobody refers to must not be collected: its pipe would close, and the server stop.
    private static readonly ConcurrentDictionary<EmbeddedPostgres, PostgresFolder> Running = new();

    private readonly EmbeddedPostgresOptions options;
    private readonly PostgresFolder folder;
    private readonly PostgresBinaries binaries;
    private readonly SemaphoreSlim gate = new(1, 1);
    private PostgresProcess? process;
    private bool disposed;

    private EmbeddedPostgres(EmbeddedPostgresOptions options, PostgresFolder folder, PostgresBinaries binaries, int port)
    {
        this.options = options;
        this.folder = folder;
        this.binaries = binaries;
        Port = port;
    }

    /// <summary>The port on 127.0.0.1; it stays the same through restarts.</summary>
    public int Port { get; private set; }

    /// <summary>The folder that holds this server's data, password and log.</summary>
    public string DataFolder => folder.Location;

    /// <summary>Connects to <see cref="EmbeddedPostgresOptions.Database"/> as the superuser, with Npgsql.</summary>
    public string ConnectionString => ConnectionStringFor(options.Database);

    /// <summary>The same for <c>psql</c> and other programs.</summary>
    public string Uri => $"postgresql://{Role}:{folder.ReadPassword()}@127.0.0.1:{Port}/{System.Uri.EscapeDataString(options.Database)}";

    /// <summary>The process id of the server, or null when it does not run.</summary>
    public int? ProcessId => process is { HasExited: false } p ? p.Id : null;

    /// <summary>The major version of the server.</summary>
    public int MajorVersion => binaries.Major;

    /// <summary>Starts a server and waits until it accepts connections and its database is there.</summary>
    /// <exception cref="EmbeddedServerException">PostgreSQL is missing or does not start; the message says what to do.</exception>
    public static async Task<EmbeddedPostgres> StartAsync(EmbeddedPostgresOptions options, CancellationToken cancel = default)
    {
        ArgumentNullException.ThrowIfNull(options);
        if (OperatingSystem.IsWindows())
        {
            throw new EmbeddedServerException("The embedded Postgres runs on Linux and macOS only. Set ConnectionStrings:Postgres to a server of your own.");
        }
        PostgresFolder folder = PostgresFolder.Claim(options.Root, options.Temporary);
        EmbeddedPostgres? server = null;
        try
        {
            await PostgresProcess.StopAbandonedAsync(folder, TimeProvider.System, cancel);
            if (options.Temporary)
            {
                folder.Wipe();
            }
            PostgresBinaries binaries = PostgresBinaries.Find(options.BinFolder, folder.DataVersion, folder.Location);
            if (folder.DataVersion is null)
            {
                InitDb(binaries, folder, options);
            }
            int port = options.Port ?? (folder.LastPort is { } last && FreePort.IsFree(last) ? last : FreePort.Next());
            server = new EmbeddedPostgres(options, folder, binaries, port);
            await server.LaunchAsync(mayMove: options.Port is null, cancel);
            await server.EnsureDatabaseAsync(cancel);
            Running[server] = folder;
            return server;
        }
        catch
        {
            server?.process?.Dispose();
            folder.Dispose();
            throw;
        }
    }

    /// <summary>Connects to another database of this server.</summary>
    public string ConnectionStringFor(string database) => new NpgsqlConnectionStringBuilder
    {
        Host = "127.0.0.1",
        Port = Port,
        Username = Role,
        Password = folder.ReadPassword(),
        Database = database,
    }.ConnectionString;

    /// <summary>Stops the server; its data and port stay reserved for <see cref="StartAgainAsync"/>.</summary>
    /// <param name="immediate">Whether to stop as in a crash, with recovery at the next start, and not in order.</param>
    public async Task StopAsync(bool immediate = false)
    {
        await gate.WaitAsync();
        try
        {
            await StopServerAsync(immediate);
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Starts the server again after <see cref="StopAsync"/> or <see cref="Kill"/>, on the same port; nothing if it runs.</summary>
    public async Task StartAgainAsync(CancellationToken cancel = default)
    {
        await gate.WaitAsync(cancel);
        try
        {
            ObjectDisposedException.ThrowIf(disposed, this);
            if (process is { HasExited: true })
            {
                process.Dispose();
                process = null;
            }
            if (process is null)
            {
                await LaunchAsync(mayMove: false, cancel);
            }
        }
        finally
        {
            gate.Release();
        }
    }

    /// <summary>Stops the server and starts it again, on the same port.</summary>
    /// <param name="immediate">Whether to stop as in a crash.</param>
    /// <param name="cancel">Ends the waiting for the start.</param>
    public async Task RestartAsync(bool immediate = false, CancellationToken cancel = default)
    {
        await StopAsync(immediate);
        await StartAgainAsync(cancel);
    }

    /// <summary>Kills the server's main process (SIGKILL), as the machine's memory guard would.</summary>
    public void Kill() => process?.Send(Posix.Signal.Kill);

    /// <summary>Stops the server in order, and with <see cref="EmbeddedPostgresOptions.Temporary"/> removes its data.</summary>
    public async ValueTask DisposeAsync()
    {
        await gate.WaitAsync();
        try
        {
            if (disposed)
            {
                return;
            }
            disposed = true;
            await StopServerAsync(immediate: options.Temporary);
            if (options.Temporary)
            {
                folder.Wipe();
                Directory.Delete(folder.Location, recursive: true);
            }
            folder.Dispose();
            Running.TryRemove(this, out _);
        }
        finally
        {
            gate.Release();
        }
    }

    [UnsupportedOSPlatform("windows")]
    private static void InitDb(PostgresBinaries binaries, PostgresFolder folder, EmbeddedPostgresOptions options)
    {
        folder.Wipe();
        folder.CreatePassword();
        List<string> arguments =
        [
            "-D", folder.UnfinishedData, "--username", Role, "--pwfile", folder.PasswordFile, "--auth", "scram-sha-256",
            "--encoding", "UTF8", "--locale", "C",
        ];
        if (!options.Durable)
        {
            arguments.Add("--no-sync");
        }
        CommandResult made = Command.Run(binaries.InitDb, arguments, folder.RunAs);
        if (made.ExitCode != 0)
        {
            throw new EmbeddedServerException($"The embedded Postgres could not be set up in {folder.Location}: {binaries.InitDb} said:\n{made.Output}");
        }
        // Whoever is killed before this leaves a data.new, which the next start throws away.
        Directory.Move(folder.UnfinishedData, folder.Data);
    }

    private async Task StopServerAsync(bool immediate)
    {
        if (process is { } running)
        {
            await running.StopAsync(immediate);
            running.Dispose();
            process = null;
        }
    }

    private async Task LaunchAsync(bool mayMove, CancellationToken cancel)
    {
        using var patience = CancellationTokenSource.CreateLinkedTokenSource(cancel);
        patience.CancelAfter(options.StartTimeout);
        try
        {
            while (true)
            {
                File.Delete(folder.Log);
                process = await PostgresProcess.StartAsync(folder, ServerCommand(), options.Temporary, patience.Token);
                if (await IsUpAsync(patience.Token))
                {
                    folder.LastPort = Port;
                    return;
                }
                process.Dispose();
                process = null;
                string log = await ReadLogAsync();
                bool portTaken = log.Contains("Address already in use", StringComparison.Ordinal);
                // After a SIGKILL, the children of the old server need a moment to notice.
                bool oldChildren = log.Contains("pre-existing shared memory block", StringComparison.Ordinal);
                if (!portTaken && !oldChildren)
                {
                    throw new EmbeddedServerException($"The embedded Postgres in {folder.Location} does not start. Its log says:\n{log}");
                }
                if (portTaken && mayMove)
                {
                    Port = FreePort.Next();
                }
                else
                {
                    await Task.Delay(TimeSpan.FromMilliseconds(200), patience.Token);
                }
            }
        }
        catch (OperationCanceledException) when (!cancel.IsCancellationRequested)
        {
            process?.Dispose();
            process = null;
            throw new EmbeddedServerException($"The embedded Postgres in {folder.Location} did not start within {options.StartTimeout.TotalSeconds:0} s "
                + $"on port {Port}. Its log says:\n{await ReadLogAsync()}");
        }
    }

    /// <summary>Waits until the server accepts connections (true) or has ended (false).</summary>
    private async Task<bool> IsUpAsync(CancellationToken cancel)
    {
        while (!process!.IsReady(folder))
        {
            if (process.HasExited)
            {
                return false;
            }
            await Task.Delay(TimeSpan.FromMilliseconds(20), cancel);
        }
        return true;
    }

    private List<string> ServerCommand()
    {
        var settings = new Dictionary<string, string>
        {
            ["listen_addresses"] = "127.0.0.1",
            ["unix_socket_directories"] = SocketFolder(),
            ["logging_collector"] = "off",
            ["TimeZone"] = "UTC",
        };
        if (!options.Durable)
        {
            // synchronous_commit stays on: what a killed server has acknowledged must still be there.
            settings["fsync"] = "off";
            settings["full_page_writes"] = "off";
        }
        foreach ((string name, string value) in options.Settings)
        {
            settings[name] = value;
        }
        return
        [
            binaries.Postgres, "-D", folder.Data, "-p", Port.ToString(CultureInfo.InvariantCulture),
            .. settings.SelectMany(s => new[] { "-c", $"{s.Key}={s.Value}" }),
        ];
    }

    /// <summary>The server's own folder, quoted; none where the socket's path would not fit into the system's 107 bytes.</summary>
    private string SocketFolder()
    {
        const int Longest = 107 - 15; // "/.s.PGSQL.65535"
        return System.Text.Encoding.UTF8.GetByteCount(folder.Location) <= Longest && !folder.Location.Contains('"', StringComparison.Ordinal)
            ? $"\"{folder.Location}\""
            : "";
    }

    private async Task EnsureDatabaseAsync(CancellationToken cancel)
    {
        var admin = new NpgsqlConnectionStringBuilder(ConnectionStringFor("postgres")) { Pooling = false };
        await using var connection = new NpgsqlConnection(admin.ConnectionString);
        await connection.OpenAsync(cancel);
        await using var exists = new NpgsqlCommand("SELECT 1 FROM pg_database WHERE datname = $1", connection)
        {
            Parameters = { new() { Value = options.Database } },
        };
        if (await exists.ExecuteScalarAsync(cancel) is null)
        {
            string quoted = options.Database.Replace("\"", "\"\"", StringComparison.Ordinal);
            await using var create = new NpgsqlCommand($"CREATE DATABASE \"{quoted}\"", connection);
            await create.ExecuteNonQueryAsync(cancel);
        }
    }

    private async Task<string> ReadLogAsync()
    {
        try
        {
            string[] lines = await File.ReadAllLinesAsync(folder.Log);
            return string.Join('\n', lines.TakeLast(20));
        }
        catch (IOException)
        {
            return "(nothing)";
        }
    }
}
