using System.Net.Sockets;
using Npgsql;
using Streams.Hosting.Embedded;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>Failures that a real server made, and the kind that each is taken for.</summary>
public sealed class FailuresTests(TestPostgres postgres)
{
    private static readonly Topology Topology = Clicks.Topology();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static async Task<PostgresFailure> FailureAsync(Func<Task> action) =>
        PostgresFailures.Classify(await Assert.ThrowsAnyAsync<Exception>(action))!;

    private static async Task<Worker> FedAsync(StoreHarness harness)
    {
        var worker = new Worker(Topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Clicks.Json("/a", 500));
        return worker;
    }

    /// <summary>What a write fails with after the database was changed behind the node's back.</summary>
    private async Task<PostgresFailure> FailureAfterAsync(string change, PostgresOptions? options = null)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        await harness.ExecuteAsync(change);
        return await FailureAsync(() => harness.Open(options).WriteAsync([worker.Take()], Cancel));
    }

    private async Task<PostgresFailure> FailureWithAsync(Action<NpgsqlConnectionStringBuilder> change)
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Topology);
        var settings = new NpgsqlConnectionStringBuilder(harness.ConnectionString);
        change(settings);
        return await FailureAsync(() => harness.Open(connectionString: settings.ConnectionString).PrepareAsync(Cancel));
    }

    [Fact]
    public async Task a_wrong_password_is_fatal() => Assert.Equal(
        new PostgresFailure(PostgresFailureKind.Fatal,
            "PostgreSQL refused the login: password authentication failed for user \"streams\". Check Username and Password in ConnectionStrings:Postgres, and the server's pg_hba.conf."),
        await FailureWithAsync(s => s.Password = "wrong"));

    [Fact]
    public async Task a_missing_password_is_fatal()
    {
        var failure = await FailureWithAsync(s => s.Password = null);
        Assert.Equal(PostgresFailureKind.Fatal, failure.Kind);
        Assert.EndsWith("Check ConnectionStrings:Postgres.", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_missing_database_is_fatal() => Assert.Equal(
        new PostgresFailure(PostgresFailureKind.Fatal, "Database \"nowhere\" does not exist. Create it (CREATE DATABASE), or correct Database in ConnectionStrings:Postgres."),
        await FailureWithAsync(s => s.Database = "nowhere"));

    [Fact]
    public async Task a_server_that_is_not_there_is_transient()
    {
        var failure = await FailureWithAsync(s => s.Port = FreePort.Next());
        Assert.Equal(PostgresFailureKind.Transient, failure.Kind);
        Assert.StartsWith("No connection to PostgreSQL: Failed to connect to 127.0.0.1:", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("Connection refused", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_host_that_is_unknown_is_transient() =>
        Assert.Equal(PostgresFailureKind.Transient, (await FailureWithAsync(s => s.Host = "nowhere.invalid")).Kind);

    [Fact]
    public async Task too_many_connections_are_transient()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE crowded LOGIN PASSWORD 'x' CONNECTION LIMIT 0");
        var settings = new NpgsqlConnectionStringBuilder(harness.ConnectionString) { Username = "crowded", Password = "x" };
        var failure = await FailureAsync(() => harness.Open(connectionString: settings.ConnectionString).PrepareAsync(Cancel));
        Assert.Equal(PostgresFailureKind.Transient, failure.Kind);
        Assert.StartsWith("PostgreSQL has no connection free: too many connections for role \"crowded\".", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_table_dropped_while_the_node_runs_is_fatal() => Assert.Equal(
        new PostgresFailure(PostgresFailureKind.Fatal,
            "A table was dropped or changed while the node ran: relation \"clickstream.errors\" does not exist. Start the node again: it creates what is missing and says what differs."),
        await FailureAfterAsync("DROP TABLE clickstream.errors"));

    [Fact]
    public async Task a_row_that_is_there_already_is_poison_that_names_table_and_constraint() => Assert.Equal(
        new PostgresFailure(PostgresFailureKind.Poison,
            "PostgreSQL refuses a row in \"clickstream\".\"errors\", constraint \"errors_pkey\": duplicate key value violates unique constraint \"errors_pkey\" (23505)"),
        await FailureAfterAsync("INSERT INTO clickstream.errors VALUES ('clickstream', 0, 0, now(), '', 0, NULL, NULL)"));

    [Fact]
    public async Task a_trigger_that_raises_is_poison()
    {
        var failure = await FailureAfterAsync(
            """
            CREATE FUNCTION no() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$;
            CREATE TRIGGER no BEFORE INSERT ON clickstream.errors FOR EACH ROW EXECUTE FUNCTION no();
            """);
        Assert.Equal(PostgresFailureKind.Poison, failure.Kind);
    }

    [Fact]
    public async Task a_statement_that_takes_too_long_is_transient()
    {
        var failure = await FailureAfterAsync(
            """
            CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM pg_sleep(60); RETURN new; END $$;
            CREATE TRIGGER slow BEFORE INSERT ON clickstream.errors FOR EACH ROW EXECUTE FUNCTION slow();
            """,
            new PostgresOptions { StatementTimeout = TimeSpan.FromMilliseconds(200) });
        Assert.Equal(PostgresFailureKind.Transient, failure.Kind);
        Assert.StartsWith("A statement ran into its time limit", failure.Message, StringComparison.Ordinal);
        Assert.EndsWith("canceling statement due to statement timeout", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_server_that_is_read_only_is_transient()
    {
        var failure = await FailureAfterAsync(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$",
            new PostgresOptions { LockTimeout = TimeSpan.FromSeconds(11) });
        Assert.Equal(PostgresFailureKind.Transient, failure.Kind);
        Assert.StartsWith("The PostgreSQL server is read-only", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_right_taken_away_while_the_node_runs_is_fatal()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await harness.ExecuteAsync("CREATE ROLE poor LOGIN PASSWORD 'x'");
        var settings = new NpgsqlConnectionStringBuilder(harness.ConnectionString) { Username = "poor", Password = "x" };
        var failure = await FailureAsync(() => harness.Open(connectionString: settings.ConnectionString).AcquireAsync([new("t", 0)], Cancel));
        Assert.Equal(PostgresFailureKind.Fatal, failure.Kind);
        Assert.Contains("permission denied for schema clickstream. Grant it; docs/postgres-role.sql", failure.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_table_changed_under_prepared_statements_is_at_most_transient()
    {
        var topology = Merges.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        for (var i = 0; i < 4; i++)
        {
            worker.Feed(Clicks.Start, Merges.Json("a", 1));
            await harness.CommitAsync(worker);
        }

        // A user widens a column that every prepared merge gives back.
        await harness.ExecuteAsync("ALTER TABLE clickstream.totals ADD COLUMN note text, ALTER COLUMN n TYPE numeric");
        worker.Feed(Clicks.Start, Merges.Json("a", 1));
        var failure = await FailureAsync(() => harness.Store.WriteAsync([worker.Take()], Cancel));
        Assert.Equal(PostgresFailureKind.Transient, failure.Kind);
        Assert.StartsWith("A table was changed while the node ran", failure.Message, StringComparison.Ordinal);
        await harness.ExecuteAsync("ALTER TABLE clickstream.totals ALTER COLUMN n TYPE bigint");
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Merges.Json("a", 1));
        await harness.CommitAsync(worker);
        Assert.Equal(5, await harness.ScalarAsync<long>("SELECT n FROM clickstream.totals"));
    }

    [Fact]
    public void failures_of_the_way_there_are_transient_and_those_of_ours_have_no_kind()
    {
        Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(new IOException("cut"))!.Kind);
        Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(new SocketException((int)SocketError.ConnectionReset))!.Kind);
        Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(new NpgsqlException("x", new TimeoutException()))!.Kind);
        Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(new CommitOutcomeUnknownException(new IOException()))!.Kind);
        Assert.Null(PostgresFailures.Classify(new InvalidOperationException("a bug")));
    }

    [Theory]
    [InlineData("40001", "Transient")]
    [InlineData("40P01", "Transient")]
    [InlineData("53100", "Transient")]
    [InlineData("53300", "Transient")]
    [InlineData("57P01", "Transient")]
    [InlineData("57P02", "Transient")]
    [InlineData("57P03", "Transient")]
    [InlineData("57P04", "Fatal")]
    [InlineData("57014", "Transient")]
    [InlineData("55P03", "Transient")]
    [InlineData("08006", "Transient")]
    [InlineData("25P03", "Transient")]
    [InlineData("25006", "Transient")]
    [InlineData("26000", "Transient")]
    [InlineData("58030", "Transient")]
    [InlineData("XX000", "Transient")]
    [InlineData("XX001", "Fatal")]
    [InlineData("28P01", "Fatal")]
    [InlineData("3D000", "Fatal")]
    [InlineData("42501", "Fatal")]
    [InlineData("42P01", "Fatal")]
    [InlineData("42601", "Fatal")]
    [InlineData("0A000", "Fatal")]
    [InlineData("21000", "Poison")]
    [InlineData("22003", "Poison")]
    [InlineData("22P05", "Poison")]
    [InlineData("23505", "Poison")]
    [InlineData("54000", "Poison")]
    public void every_class_of_error_has_its_kind(string state, string kind) =>
        Assert.Equal(kind, PostgresFailures.Classify(new PostgresException("text", "ERROR", "ERROR", state))!.Kind.ToString());
}
