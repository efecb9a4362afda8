using System.Globalization;
using Npgsql;
using Streams.Hosting.Embedded;
using TestKit;

namespace Streams.Hosting.Tests.Embedded;

[System.Runtime.Versioning.UnsupportedOSPlatform("windows")]
public sealed class EmbeddedPostgresTests : IDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    private readonly string root = Path.Combine(Path.GetTempPath(), $"streams-tests-pg-{Guid.NewGuid():N}");

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private EmbeddedPostgresOptions Options => new() { Root = root, Durable = false };

    public void Dispose()
    {
        if (Directory.Exists(root))
        {
            Directory.Delete(root, recursive: true);
        }
    }

    [Fact]
    public async Task data_port_and_password_are_kept_between_runs()
    {
        string connection;
        await using (EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Options, Cancel))
        {
            connection = first.ConnectionString;
            Assert.Equal(Path.Combine(root, "postgres"), first.DataFolder);
            await ExecuteAsync(connection, "CREATE TABLE kept AS SELECT 42 AS n");
        }
        await using EmbeddedPostgres second = await EmbeddedPostgres.StartAsync(Options, Cancel);
        Assert.Equal(connection, second.ConnectionString);
        Assert.Equal(42, await ScalarAsync(connection, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task a_stopped_server_is_gone_and_starts_again_on_its_port()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(Options, Cancel);
        int process = postgres.ProcessId!.Value;
        await ExecuteAsync(postgres.ConnectionString, "CREATE TABLE kept AS SELECT 1 AS n");

        await postgres.StopAsync();
        Assert.Null(postgres.ProcessId);
        Assert.Null(Posix.CommandLineOf(process));
        Assert.True(FreePort.IsFree(postgres.Port));
        await Assert.ThrowsAnyAsync<NpgsqlException>(() => ScalarAsync(postgres.ConnectionString, "SELECT 1"));

        await postgres.StartAgainAsync(Cancel);
        await postgres.StartAgainAsync(Cancel);
        Assert.Equal(1, await ScalarAsync(postgres.ConnectionString, "SELECT n FROM kept"));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public async Task what_was_committed_survives_a_restart(bool immediate)
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(Options, Cancel);
        await ExecuteAsync(postgres.ConnectionString, "CREATE TABLE kept AS SELECT 1 AS n");
        await postgres.RestartAsync(immediate, Cancel);
        Assert.Equal(1, await ScalarAsync(postgres.ConnectionString, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task what_was_committed_survives_a_killed_server_every_time()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(Options, Cancel);
        await ExecuteAsync(postgres.ConnectionString, "CREATE TABLE kept (n int)");
        for (int i = 1; i <= 5; i++)
        {
            await ExecuteAsync(postgres.ConnectionString, $"INSERT INTO kept VALUES ({i})");
            postgres.Kill();
            await Eventually.True(() => postgres.ProcessId is null, Patience, "the server is gone");
            await postgres.StartAgainAsync(Cancel);
            Assert.Equal((long)i, await ScalarAsync(postgres.ConnectionString, "SELECT count(*) FROM kept"));
        }
    }

    [Fact]
    public async Task a_second_program_gets_a_server_and_data_of_its_own()
    {
        await using EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Options, Cancel);
        await using EmbeddedPostgres second = await EmbeddedPostgres.StartAsync(Options, Cancel);
        Assert.Equal(Path.Combine(root, "postgres-2"), second.DataFolder);
        Assert.NotEqual(first.Port, second.Port);
        await ExecuteAsync(first.ConnectionString, "CREATE TABLE mine (n int)");
        Assert.Equal(false, await ScalarAsync(second.ConnectionString, "SELECT to_regclass('mine') IS NOT NULL"));
    }

    [Fact]
    public async Task four_starts_at_once_do_not_collide()
    {
        EmbeddedPostgres[] servers = await Task.WhenAll(Enumerable.Range(0, 4).Select(_ => Task.Run(() => EmbeddedPostgres.StartAsync(Options, Cancel), Cancel)));
        try
        {
            Assert.Equal(4, servers.Select(s => s.DataFolder).Distinct().Count());
            Assert.Equal(4, servers.Select(s => s.Port).Distinct().Count());
            foreach (EmbeddedPostgres server in servers)
            {
                Assert.Equal(server.Port.ToString(CultureInfo.InvariantCulture), await ScalarAsync(server.ConnectionString, "SHOW port"));
            }
        }
        finally
        {
            await Task.WhenAll(servers.Select(s => s.DisposeAsync().AsTask()));
        }
    }

    [Fact]
    public async Task a_server_whose_owner_and_supervisor_were_killed_is_replaced_by_the_next_start()
    {
        int abandoned;
        PostgresBinaries binaries = PostgresBinaries.Find(folder: null, major: null, root);
        await using (EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Options, Cancel))
        {
            await ExecuteAsync(first.ConnectionString, "CREATE TABLE kept AS SELECT 7 AS n");
        }
        // A server without a supervisor is what is left then.
        using (PostgresFolder folder = PostgresFolder.Claim(root, temporary: false))
        {
            string[] server = [binaries.Postgres, "-D", folder.Data, "-p", $"{FreePort.Next()}", "-c", "unix_socket_directories="];
            CommandResult started = Command.Run("/bin/sh", ["-c", "\"$@\" >/dev/null 2>&1 </dev/null & echo $!", "sh", .. server], folder.RunAs);
            abandoned = int.Parse(started.Output, CultureInfo.InvariantCulture);
            string pidFile = Path.Combine(folder.Data, "postmaster.pid");
            await Eventually.True(() => File.ReadAllText(pidFile).Contains("ready", StringComparison.Ordinal), Patience, "the abandoned server is up");
        }

        await using EmbeddedPostgres second = await EmbeddedPostgres.StartAsync(Options, Cancel);
        Assert.Null(Posix.CommandLineOf(abandoned));
        Assert.Equal(Path.Combine(root, "postgres"), second.DataFolder);
        Assert.Equal(7, await ScalarAsync(second.ConnectionString, "SELECT n FROM kept"));
    }

    [Fact]
    public async Task a_pid_file_that_names_somebody_elses_process_harms_nobody()
    {
        await using (await EmbeddedPostgres.StartAsync(Options, Cancel))
        {
        }
        await using NodeProcess innocent = NodeProcess.Start("sleep", ["60"]);
        await File.WriteAllTextAsync(Path.Combine(root, "postgres", "data", "postmaster.pid"), $"{innocent.Id}\n/elsewhere\n1\n1\n\n\n\nready\n", Cancel);
        using (PostgresFolder folder = PostgresFolder.Claim(root, temporary: false))
        {
            await PostgresProcess.StopAbandonedAsync(folder, TimeProvider.System, Cancel);
        }
        Assert.False(innocent.HasExited);
    }

    [Fact]
    public async Task the_server_ends_when_the_pipe_to_its_supervisor_closes()
    {
        await using (await EmbeddedPostgres.StartAsync(Options, Cancel))
        {
        }
        PostgresBinaries binaries = PostgresBinaries.Find(folder: null, major: null, root);
        using PostgresFolder folder = PostgresFolder.Claim(root, temporary: false);
        PostgresProcess process = await PostgresProcess.StartAsync(
            folder, [binaries.Postgres, "-D", folder.Data, "-p", $"{FreePort.Next()}", "-c", "unix_socket_directories="], temporary: false, Cancel);
        await Eventually.True(() => process.IsReady(folder), Patience, "the server is up");
        // The system closes the pipe of a killed process in the same way.
        process.Dispose();
        await Eventually.True(() => Posix.CommandLineOf(process.Id) is null, Patience, "the server is gone");
        Assert.Contains("database system is shut down", await File.ReadAllTextAsync(folder.Log, Cancel), StringComparison.Ordinal);
    }

    [Fact]
    public async Task temporary_data_are_new_at_each_start_and_gone_afterwards()
    {
        string folder;
        await using (EmbeddedPostgres first = await EmbeddedPostgres.StartAsync(Options, Cancel))
        {
            folder = first.DataFolder;
            await ExecuteAsync(first.ConnectionString, "CREATE TABLE old (n int)");
        }
        await using (EmbeddedPostgres second = await EmbeddedPostgres.StartAsync(Options with { Temporary = true }, Cancel))
        {
            Assert.Equal(folder, second.DataFolder);
            Assert.Equal(false, await ScalarAsync(second.ConnectionString, "SELECT to_regclass('old') IS NOT NULL"));
        }
        Assert.False(Directory.Exists(folder));
    }

    [Fact]
    public async Task an_unfinished_initdb_is_begun_again()
    {
        Directory.CreateDirectory(Path.Combine(root, "postgres", "data.new", "base"));
        if (Environment.IsPrivilegedProcess)
        {
            Command.Run("chown", ["-R", "postgres", Path.Combine(root, "postgres")]);
        }
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(Options, Cancel);
        Assert.Equal(1, await ScalarAsync(postgres.ConnectionString, "SELECT 1"));
    }

    [Fact]
    public async Task a_path_too_long_for_a_socket_does_without_one()
    {
        string longRoot = Path.Combine(root, new string('x', 120));
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(Options with { Root = longRoot }, Cancel);
        Assert.Equal("", await ScalarAsync(postgres.ConnectionString, "SHOW unix_socket_directories"));
    }

    [Fact]
    public async Task only_the_password_opens_the_server_and_only_on_the_loopback()
    {
        await using EmbeddedPostgres postgres = await EmbeddedPostgres.StartAsync(Options with { Database = "a \"b\"" }, Cancel);
        Assert.Equal("a \"b\"", await ScalarAsync(postgres.ConnectionString, "SELECT current_database()"));
        Assert.Equal("127.0.0.1", await ScalarAsync(postgres.ConnectionString, "SHOW listen_addresses"));
        string wrong = new NpgsqlConnectionStringBuilder(postgres.ConnectionString) { Password = "wrong" }.ConnectionString;
        PostgresException e = await Assert.ThrowsAsync<PostgresException>(() => ScalarAsync(wrong, "SELECT 1"));
        Assert.Equal(PostgresErrorCodes.InvalidPassword, e.SqlState);
    }

    [Fact]
    public async Task a_setting_that_the_server_refuses_is_shown_in_the_message()
    {
        EmbeddedServerException e = await Assert.ThrowsAsync<EmbeddedServerException>(() =>
            EmbeddedPostgres.StartAsync(Options with { Settings = new Dictionary<string, string> { ["work_mem"] = "plenty" } }, Cancel));
        Assert.StartsWith($"The embedded Postgres in {Path.Combine(root, "postgres")} does not start. Its log says:", e.Message, StringComparison.Ordinal);
        Assert.Contains("invalid value for parameter \"work_mem\"", e.Message, StringComparison.Ordinal);
        await using EmbeddedPostgres works = await EmbeddedPostgres.StartAsync(Options, Cancel);
        Assert.Equal(Path.Combine(root, "postgres"), works.DataFolder);
    }

    [Fact]
    public async Task a_machine_without_postgres_is_told_which_package_to_install()
    {
        Directory.CreateDirectory(root);
        EmbeddedServerException e = await Assert.ThrowsAsync<EmbeddedServerException>(() =>
            EmbeddedPostgres.StartAsync(Options with { BinFolder = root }, Cancel));
        Assert.Equal("PostgreSQL's server programs (initdb, postgres) were not found on this machine. Install them, on Debian and Ubuntu with "
            + "`apt-get install postgresql`, or use a server that runs elsewhere (ConnectionStrings:Postgres).", e.Message);
    }

    [Fact]
    public void data_of_a_version_that_is_not_installed_are_not_touched()
    {
        EmbeddedServerException e = Assert.Throws<EmbeddedServerException>(() => PostgresBinaries.Find(folder: null, major: 9, "/data/postgres"));
        Assert.StartsWith("The data in /data/postgres were written by PostgreSQL 9, and this machine has ", e.Message, StringComparison.Ordinal);
        Assert.EndsWith("Install that version, on Debian with `apt-get install postgresql-9`, or remove the folder to start with empty data.",
            e.Message, StringComparison.Ordinal);
    }

    private static async Task ExecuteAsync(string connection, string sql) => await ScalarAsync(connection, sql);

    private static async Task<object?> ScalarAsync(string connection, string sql)
    {
        // Pools would hold connections to servers that have been stopped.
        await using NpgsqlDataSource data = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection) { Pooling = false });
        await using NpgsqlCommand command = data.CreateCommand(sql);
        return await command.ExecuteScalarAsync(Cancel);
    }
}
