using Npgsql;
using Streams.Hosting.Embedded;
using Streams.Hosting.Postgres;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>Nodes whose role may do little. Roles belong to the server, so each test has its own.</summary>
public sealed class RightsTests(TestPostgres postgres)
{
    private static readonly Topology Topology = Clicks.Topology();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    internal static string As(StoreHarness harness, string role) =>
        new NpgsqlConnectionStringBuilder(harness.ConnectionString) { Username = role, Password = "secret" }.ConnectionString;

    /// <summary>Runs the script as its head says, with psql.</summary>
    internal static void MakeRole(StoreHarness harness, string role, string schema = StoreHarness.Application, string script = "postgres-role.sql")
    {
        var connection = new NpgsqlConnectionStringBuilder(harness.ConnectionString);
        var result = Command.Run(Path.Combine(PostgresBinaries.Find((string?)null, null, "").Folder, "psql"),
        [
            "-d", $"postgresql://{connection.Username}:{connection.Password}@127.0.0.1:{connection.Port}/{connection.Database}",
            "-v", $"schema={schema}", "-v", $"role={role}", "-v", "password=secret", "-f", Path.Combine(Repository.Root, "docs", script),
        ]);
        Assert.True(result.ExitCode == 0, result.Output);
    }

    private static async Task CommitOneAsync(PostgresStateStore store, Topology topology)
    {
        using var worker = new Worker(topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        worker.Feed(Clicks.Start, Clicks.Json("/a", 500), "bad");
        var commit = worker.Take();
        await using (var transaction = await store.WriteAsync([commit], Cancel))
        {
            Assert.Equal(1, Assert.Single(transaction.Totals).Count);
            await transaction.CommitAsync(Cancel);
        }

        Assert.True(await store.IsCommittedAsync([commit], Cancel));
    }

    [Theory]
    [InlineData("clickstream")]
    [InlineData("My \"App's\"")]
    public async Task the_documented_role_runs_a_node_and_can_do_nothing_else(string application)
    {
        var role = $"{application} node";
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Topology);
        await harness.Open(application: application).PrepareAsync(Cancel);
        MakeRole(harness, role, application);
        MakeRole(harness, role, application);
        var store = harness.Open(connectionString: As(harness, role), application: application);
        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);

        await harness.ExecuteAsync("CREATE SCHEMA secrets; CREATE TABLE secrets.salaries (n int)");
        var schema = Identifiers.Quote(application);
        await RefusedAsync(
            As(harness, role),
            $"DELETE FROM {schema}.errors", $"DELETE FROM {schema}.dead_letters", $"DELETE FROM {schema}.partitions", $"DELETE FROM {schema}.topology",
            $"TRUNCATE {schema}.errors", $"DROP TABLE {schema}.errors", $"ALTER TABLE {schema}.errors ADD COLUMN x int",
            $"CREATE TABLE {schema}.x (n int)", "CREATE SCHEMA x", "SELECT * FROM secrets.salaries", "CREATE ROLE another");
    }

    [Theory]
    [InlineData("clickstream")]
    [InlineData("My \"App's\"")]
    public async Task the_documented_operators_role_does_what_commands_do_and_cannot_write_results(string application)
    {
        var role = $"{application} operator";
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Topology);
        var store = harness.Open(application: application);
        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);
        MakeRole(harness, role, application, "postgres-operator-role.sql");
        MakeRole(harness, role, application, "postgres-operator-role.sql");
        var schema = Identifiers.Quote(application);
        await harness.ExecuteAsync($"UPDATE {schema}.topology SET tables = jsonb_set(tables, '{{tables,1,windows,size}}', '\"01:00:00\"')");

        await using (var connection = new NpgsqlConnection(As(harness, role)))
        {
            await connection.OpenAsync(Cancel);
            var manager = new SchemaManager(application, Topology, new PostgresOptions(), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance);
            Assert.False((await manager.CompareAsync(connection, Cancel)).IsCompatible);
            await manager.AcceptAsync(connection, Cancel);
            Assert.Empty((await manager.CompareAsync(connection, Cancel)).Changes);
        }

        await using var connections = NpgsqlDataSource.Create(As(harness, role));
        foreach (var allowed in new[]
        {
            $"SELECT * FROM {schema}.errors", $"SELECT * FROM {schema}.nodes", $"UPDATE {schema}.partitions SET next_offset = 7", $"UPDATE {schema}.dead_letters SET attempts = attempts + 1",
            $"DELETE FROM {schema}.dead_letters",
        })
        {
            await using var command = connections.CreateCommand(allowed);
            await command.ExecuteNonQueryAsync(Cancel);
        }

        await RefusedAsync(
            As(harness, role),
            $"DELETE FROM {schema}.errors", $"UPDATE {schema}.errors SET status = 1", $"UPDATE {schema}.error_counts SET n = 0", $"INSERT INTO {schema}.dead_letters DEFAULT VALUES",
            $"DELETE FROM {schema}.partitions", $"DELETE FROM {schema}.topology", $"DROP TABLE {schema}.errors", $"CREATE TABLE {schema}.x (n int)");
    }

    private static async Task RefusedAsync(string connectionString, params string[] statements)
    {
        await using var connections = NpgsqlDataSource.Create(connectionString);
        foreach (var forbidden in statements)
        {
            await using var command = connections.CreateCommand(forbidden);
            var refused = await Assert.ThrowsAsync<PostgresException>(() => command.ExecuteNonQueryAsync(Cancel));
            Assert.Equal(PostgresErrorCodes.InsufficientPrivilege, refused.SqlState);
        }
    }

    [Fact]
    public async Task the_documented_role_gets_the_tables_that_are_added_later()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Merges.Topology());
        MakeRole(harness, "later");
        await harness.Open(topology: Topology).PrepareAsync(Cancel);
        var store = harness.Open(connectionString: As(harness, "later"), topology: Topology);
        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);
    }

    [Fact]
    public async Task a_role_that_owns_its_schema_needs_no_right_on_the_database()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE owner LOGIN PASSWORD 'secret'; CREATE SCHEMA clickstream AUTHORIZATION owner");
        var store = harness.Open(connectionString: As(harness, "owner"));
        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);
    }

    [Fact]
    public async Task without_the_right_to_create_a_schema_the_message_says_what_an_administrator_would_run()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE nobody1 LOGIN PASSWORD 'secret'");
        var store = harness.Open(connectionString: As(harness, "nobody1"));
        var missing = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        var database = new NpgsqlConnectionStringBuilder(harness.ConnectionString).Database;
        Assert.Equal(
            $"""
            In the database "{database}" the role "nobody1" may not create what is missing. Either allow it:
            GRANT CREATE ON DATABASE "{database}" TO "nobody1";
            or let an administrator create it, and grant the rights with docs/postgres-role.sql:
            CREATE SCHEMA IF NOT EXISTS "clickstream";
            """,
            string.Join('\n', missing.Message.Split('\n').Take(4)));
        Assert.Equal(new PostgresFailure(PostgresFailureKind.Fatal, missing.Message), PostgresFailures.Classify(missing));

        // What the message says an administrator would run is enough.
        foreach (var statement in missing.Message.Split('\n').Where(line => line.StartsWith("CREATE", StringComparison.Ordinal)))
        {
            await harness.ExecuteAsync(statement);
        }

        MakeRole(harness, "nobody1");
        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);
    }

    [Fact]
    public async Task without_the_right_to_create_tables_the_message_says_how_to_grant_it()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE nobody2 LOGIN PASSWORD 'secret'; CREATE SCHEMA clickstream");
        var store = harness.Open(connectionString: As(harness, "nobody2"));
        var missing = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        const string Grant = "GRANT USAGE, CREATE ON SCHEMA \"clickstream\" TO \"nobody2\";";
        Assert.Contains(Grant, missing.Message.Split('\n'));
        await harness.ExecuteAsync(Grant);
        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);
    }

    [Fact]
    public async Task rights_that_lack_on_tables_are_listed_as_grants_that_mend_it()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE nobody3 LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA clickstream TO nobody3; GRANT SELECT ON ALL TABLES IN SCHEMA clickstream TO nobody3");
        var store = harness.Open(connectionString: As(harness, "nobody3"));
        var missing = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        Assert.Equal(
            [
                "GRANT INSERT, UPDATE ON \"clickstream\".\"partitions\" TO \"nobody3\";",
                "GRANT INSERT, UPDATE ON \"clickstream\".\"dead_letters\" TO \"nobody3\";",
                "GRANT INSERT, UPDATE, DELETE ON \"clickstream\".\"nodes\" TO \"nobody3\";",
                "GRANT INSERT, UPDATE ON \"clickstream\".\"topology\" TO \"nobody3\";",
                "GRANT INSERT ON \"clickstream\".\"errors\" TO \"nobody3\";",
                "GRANT INSERT, UPDATE ON \"clickstream\".\"error_counts\" TO \"nobody3\";",
            ],
            missing.Message.Split('\n').Skip(1));
        foreach (var grant in missing.Message.Split('\n').Skip(1))
        {
            await harness.ExecuteAsync(grant);
        }

        await store.PrepareAsync(Cancel);
        await CommitOneAsync(store, Topology);
    }

    [Fact]
    public async Task without_usage_of_the_schema_the_message_says_how_to_grant_it()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE nobody4 LOGIN PASSWORD 'secret'; GRANT ALL ON ALL TABLES IN SCHEMA clickstream TO nobody4");
        var store = harness.Open(connectionString: As(harness, "nobody4"));
        var missing = await Assert.ThrowsAsync<MissingRightsException>(() => store.PrepareAsync(Cancel));
        Assert.Equal(["GRANT USAGE ON SCHEMA \"clickstream\" TO \"nobody4\";"], missing.Message.Split('\n').Skip(1));
    }
}
