using Npgsql;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>Connections that end before, during and after COMMIT, and what can be said then.</summary>
public sealed class OutcomeTests(TestPostgres postgres)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(15);
    private static readonly Topology Topology = Clicks.Topology();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static Task<long> RowsWrittenAsync(StoreHarness harness) => harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.errors");

    private static Task TerminateAsync(StoreHarness harness) => harness.ExecuteAsync(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'streams/clickstream/node-1' AND datname = current_database()");

    private static async Task<Worker> FedAsync(StoreHarness harness, int partition = 0)
    {
        var worker = new Worker(Topology, partition);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Clicks.Json("/a", 500), Clicks.Json("/b", 500));
        return worker;
    }

    /// <summary>Writes the same changes again, as a node does that knows they are not committed.</summary>
    private static async Task CommitAgainAsync(StoreHarness harness, params TaskCommit[] commits)
    {
        await using var transaction = await harness.Store.WriteAsync(commits, Cancel);
        await transaction.CommitAsync(Cancel);
        Assert.True(await harness.Store.IsCommittedAsync(commits, Cancel));
    }

    private static string ThroughProxy(StoreHarness harness, CommitProxy proxy) =>
        new NpgsqlConnectionStringBuilder(harness.ConnectionString) { Port = proxy.Port, SslMode = SslMode.Disable, GssEncryptionMode = GssEncryptionMode.Disable }.ConnectionString;

    [Fact]
    public async Task a_commit_that_was_answered_is_committed_and_one_rolled_back_is_not()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await (await harness.Store.WriteAsync([commit], Cancel)).DisposeAsync();
        Assert.False(await harness.Store.IsCommittedAsync([commit], Cancel));
        await CommitAgainAsync(harness, commit);
    }

    [Fact]
    public async Task a_connection_killed_before_the_commit_leaves_it_unknown_and_nothing_written()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using (var transaction = await harness.Store.WriteAsync([commit], Cancel))
        {
            await TerminateAsync(harness);
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => transaction.CommitAsync(Cancel));
        }

        Assert.False(await harness.Store.IsCommittedAsync([commit], Cancel));
        Assert.Equal(0, await RowsWrittenAsync(harness));
        await CommitAgainAsync(harness, commit);
        Assert.Equal(2, await RowsWrittenAsync(harness));
    }

    [Theory]
    [InlineData(NextRequest.LoseAnswer, true)]
    [InlineData(NextRequest.Lose, false)]
    public async Task a_connection_that_breaks_during_the_commit_leaves_it_unknown_until_asked(object next, bool committed)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await using var proxy = new CommitProxy(postgres.Server.Port);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using (var transaction = await harness.Open(connectionString: ThroughProxy(harness, proxy)).WriteAsync([commit], Cancel))
        {
            proxy.Next = (NextRequest)next;
            var unknown = await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => transaction.CommitAsync(Cancel));
            Assert.IsType<NpgsqlException>(unknown.InnerException, exactMatch: false);
        }

        Assert.Equal(committed, await harness.Store.IsCommittedAsync([commit], Cancel));
        Assert.Equal(committed ? 2 : 0, await RowsWrittenAsync(harness));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task asking_waits_for_a_commit_that_is_still_on_its_way(bool arrives)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await using var proxy = new CommitProxy(postgres.Server.Port);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        var slow = harness.Open(
            new PostgresOptions { StatementTimeout = TimeSpan.FromSeconds(1), AnswerMargin = TimeSpan.Zero }, ThroughProxy(harness, proxy) + ";Cancellation Timeout=-1");
        await using (var transaction = await slow.WriteAsync([commit], Cancel))
        {
            proxy.Next = NextRequest.Hold;
            await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => transaction.CommitAsync(Cancel));
        }

        var asked = harness.Open(node: "node-2").IsCommittedAsync([commit], Cancel);
        await Eventually.True(
            async () => await harness.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'streams/clickstream/node-2'") == 1,
            Patience,
            "the question waits for the transaction");
        Assert.False(asked.IsCompleted);
        if (arrives)
        {
            proxy.Release();
        }
        else
        {
            await TerminateAsync(harness);
        }

        Assert.Equal(arrives, await asked);
        Assert.Equal(arrives ? 2 : 0, await RowsWrittenAsync(harness));
    }

    [Fact]
    public async Task asking_gives_up_as_transient_while_the_transaction_lasts()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using var transaction = await harness.Store.WriteAsync([commit], Cancel);
        var impatient = harness.Open(new PostgresOptions { LockTimeout = TimeSpan.FromMilliseconds(50) });
        var failure = await Assert.ThrowsAsync<PostgresException>(() => impatient.IsCommittedAsync([commit], Cancel));
        Assert.Equal(PostgresErrorCodes.LockNotAvailable, failure.SqlState);
        Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(failure)!.Kind);
        await transaction.CommitAsync(Cancel);
        Assert.True(await impatient.IsCommittedAsync([commit], Cancel));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task partitions_taken_over_in_between_are_fenced_and_the_rest_can_tell(bool committed)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        Worker[] workers = [await FedAsync(harness, 2), await FedAsync(harness, 0), await FedAsync(harness, 1)];
        TaskCommit[] commits = [.. workers.Select(w => w.Take())];
        await using (var transaction = await harness.Store.WriteAsync(commits, Cancel))
        {
            if (committed)
            {
                await transaction.CommitAsync(Cancel);
            }
        }

        await harness.Open(node: "node-2").AcquireAsync([new("clickstream", 0), new("clickstream", 2)], Cancel);
        var fenced = await Assert.ThrowsAsync<FencedException>(() => harness.Store.IsCommittedAsync(commits, Cancel));
        Assert.Equal([new("clickstream", 0), new("clickstream", 2)], fenced.Partitions);
        Assert.Equal(committed, await harness.Store.IsCommittedAsync([.. commits.Where(c => !fenced.Partitions.Contains(c.Changes.Partition))], Cancel));
        Array.ForEach(workers, w => w.Dispose());
    }

    [Theory]
    [InlineData("DELETE FROM clickstream.partitions")]
    [InlineData("UPDATE clickstream.partitions SET next_offset = 77")]
    public async Task a_partition_that_somebody_reset_by_hand_is_no_longer_ours(string reset)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await harness.ExecuteAsync(reset);
        await Assert.ThrowsAsync<FencedException>(() => harness.Store.IsCommittedAsync([commit], Cancel));
        await Assert.ThrowsAsync<FencedException>(() => harness.Store.WriteAsync([commit], Cancel));
    }

    [Fact]
    public async Task a_commit_that_the_server_refuses_is_thrown_as_it_is()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        await harness.ExecuteAsync(
            """
            CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'not today' USING ERRCODE = 'serialization_failure'; END $$;
            CREATE CONSTRAINT TRIGGER refuse AFTER INSERT ON clickstream.errors DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION refuse();
            """);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using (var transaction = await harness.Store.WriteAsync([commit], Cancel))
        {
            var refused = await Assert.ThrowsAsync<PostgresException>(() => transaction.CommitAsync(Cancel));
            Assert.Equal(PostgresErrorCodes.SerializationFailure, refused.SqlState);
            Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(refused)!.Kind);
        }

        Assert.False(await harness.Store.IsCommittedAsync([commit], Cancel));
    }

    [Fact]
    public async Task a_connection_killed_while_writing_is_transient_and_leaves_nothing()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using var blocker = new NpgsqlConnection(harness.ConnectionString);
        await blocker.OpenAsync(Cancel);
        await using (var block = await blocker.BeginTransactionAsync(Cancel))
        {
            await using var command = new NpgsqlCommand("LOCK TABLE clickstream.error_counts", blocker, block);
            await command.ExecuteNonQueryAsync(Cancel);
            var write = harness.Store.WriteAsync([commit], Cancel);
            await Eventually.True(
                async () => await harness.ScalarAsync<long>("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND application_name = 'streams/clickstream/node-1'") == 1,
                Patience,
                "the write waits");
            await TerminateAsync(harness);
            var failure = await Assert.ThrowsAsync<PostgresException>(() => write);
            Assert.Equal(PostgresErrorCodes.AdminShutdown, failure.SqlState);
            Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(failure)!.Kind);
        }

        Assert.False(await harness.Store.IsCommittedAsync([commit], Cancel));
        await CommitAgainAsync(harness, commit);
        Assert.Equal(2, await RowsWrittenAsync(harness));
    }

    [Fact]
    public async Task a_cancelled_write_lets_go_of_its_locks()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using var blocker = new NpgsqlConnection(harness.ConnectionString);
        await blocker.OpenAsync(Cancel);
        await using (var block = await blocker.BeginTransactionAsync(Cancel))
        {
            await using var command = new NpgsqlCommand("LOCK TABLE clickstream.errors", blocker, block);
            await command.ExecuteNonQueryAsync(Cancel);
            using var cancelled = new CancellationTokenSource(TimeSpan.FromMilliseconds(200));
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => harness.Store.WriteAsync([commit], cancelled.Token));
        }

        Assert.Equal(2, Assert.Single(await harness.Store.AcquireAsync([worker.Partition], Cancel)).Epoch);
    }

    [Fact]
    public async Task a_commit_cancelled_before_it_was_sent_does_not_take_place()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using (var transaction = await harness.Store.WriteAsync([commit], Cancel))
        {
            await Assert.ThrowsAnyAsync<OperationCanceledException>(() => transaction.CommitAsync(new CancellationToken(canceled: true)));
        }

        Assert.False(await harness.Store.IsCommittedAsync([commit], Cancel));
    }

    [Fact]
    public async Task the_server_ends_a_transaction_that_sits_idle_and_frees_its_locks()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Topology);
        using var worker = await FedAsync(harness);
        var commit = worker.Take();
        await using var transaction = await harness.Open(new PostgresOptions { IdleInTransactionTimeout = TimeSpan.FromMilliseconds(100) }).WriteAsync([commit], Cancel);
        Assert.Equal(2, Assert.Single(await harness.Store.AcquireAsync([worker.Partition], Cancel)).Epoch);
        await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => transaction.CommitAsync(Cancel));
        await Assert.ThrowsAsync<FencedException>(() => harness.Store.IsCommittedAsync([commit], Cancel));
        Assert.Equal(0, await RowsWrittenAsync(harness));
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task a_server_that_crashes_comes_back_with_what_was_committed_and_nothing_else(bool committed)
    {
        await using var server = await TestPostgres.StartOwnAsync(Cancel);
        await using var dataSource = PostgresDataSource.Create(server.ConnectionString, "clickstream", "node-1", new PostgresOptions());
        await using var store = new PostgresStateStore(
            dataSource, "clickstream", Topology, "node-1", new PostgresOptions(), Microsoft.Extensions.Logging.Abstractions.NullLogger<PostgresStateStore>.Instance);
        await store.PrepareAsync(Cancel);
        using var worker = new Worker(Topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        worker.Feed(Clicks.Start, Clicks.Json("/a", 500));
        var commit = worker.Take();
        await using (var transaction = await store.WriteAsync([commit], Cancel))
        {
            if (committed)
            {
                await transaction.CommitAsync(Cancel);
            }

            await server.StopAsync(immediate: true);
            if (!committed)
            {
                await Assert.ThrowsAsync<CommitOutcomeUnknownException>(() => transaction.CommitAsync(Cancel));
            }
        }

        var away = await Assert.ThrowsAnyAsync<Exception>(() => store.IsCommittedAsync([commit], Cancel));
        Assert.Equal(PostgresFailureKind.Transient, PostgresFailures.Classify(away)!.Kind);
        await server.StartAgainAsync(Cancel);
        Assert.Equal(committed, await Eventually.Until(() => AskAsync(store, commit), answer => answer is not null, Patience, "the server answers"));
    }

    /// <summary>As a node asks: again and again while the failure is a passing one. (Connections of before the crash fail first.)</summary>
    private static async Task<bool?> AskAsync(PostgresStateStore store, TaskCommit commit)
    {
        try
        {
            return await store.IsCommittedAsync([commit], Cancel);
        }
        catch (Exception e) when (PostgresFailures.Classify(e) is { Kind: PostgresFailureKind.Transient })
        {
            return null;
        }
    }
}
