using Integration.Tests.Support;
using Npgsql;
using TestKit;

namespace Chaos.Tests;

/// <summary>What the operator of the database can run into, and what the node says about it.</summary>
public sealed class BadDayPostgresTests(TestKafka kafka, TestPostgres postgres)
{
    private const string NotReal = "One real Kafka is enough for what PostgreSQL does.";
    private readonly TestClicks _clicks = new(1, 4);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task a_node_waits_while_the_disk_of_postgres_is_full_and_goes_on_by_itself()
    {
        Assert.SkipUnless(kafka.IsReal, NotReal);
        await using var server = await TestPostgres.StartOwnAsync(Cancel);
        using var disk = SmallDisk.TryMount(server, megabytes: 32);
        Assert.SkipWhen(disk is null, "A small file system cannot be mounted here: that takes root.");
        await ExecuteAsync(server.ConnectionString, $"CREATE TABLESPACE small LOCATION '{disk.Folder}'");
        await ExecuteAsync(server.ConnectionString, "CREATE DATABASE clicks TABLESPACE small");
        var database = server.ConnectionStringFor("clicks");
        await using (var job = await Job.CreateAsync(kafka, database))
        {
            var node = await StartedAsync(job);
            await ExecuteAsync(database, "CREATE TABLE filler (filling text)");
            var full = await Assert.ThrowsAsync<PostgresException>(async () =>
            {
                for (var megabytes = 0; megabytes < 64; megabytes++)
                {
                    await ExecuteAsync(database, "INSERT INTO filler SELECT repeat(md5(i::text), 30) FROM generate_series(1, 1000) i");
                }
            });
            Assert.Equal(PostgresErrorCodes.DiskFull, full.SqlState);

            await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, _clicks.Take(20_000));
            await node.WaitUntilNotReadyAsync("PostgreSQL's disk is full");
            Assert.EndsWith(
                "Free space on the server; the node goes on by itself.",
                await node.WaitForLineAsync("Postgres: waiting. PostgreSQL's disk is full"),
                StringComparison.Ordinal);
            Assert.True(await node.MetricAsync("streams_commit_failures_total") > 0);

            await ExecuteAsync(database, "DROP TABLE filler");
            await GoesOnAsync(job, node, 21_000);
        }

        // The server is done with it, before the disk goes.
        NpgsqlConnection.ClearAllPools();
        await ExecuteAsync(server.ConnectionString, "DROP DATABASE clicks WITH (FORCE)");
    }

    [Fact]
    public async Task a_node_waits_for_a_connection_when_postgres_has_none_free()
    {
        Assert.SkipUnless(kafka.IsReal, NotReal);
        var database = await postgres.CreateDatabaseAsync(Cancel);
        var role = TestKafka.UniqueName("role");
        await ExecuteAsync(database, $"CREATE ROLE \"{role}\" LOGIN PASSWORD 'secret'; GRANT CREATE ON DATABASE {new NpgsqlConnectionStringBuilder(database).Database} TO \"{role}\"");
        await using var job = await Job.CreateAsync(kafka, database);
        var connection = new NpgsqlConnectionStringBuilder(database) { Username = role, Password = "secret" }.ConnectionString;
        var node = await StartedAsync(job, ("ConnectionStrings__Postgres", connection));

        await ExecuteAsync(database, $"ALTER ROLE \"{role}\" CONNECTION LIMIT 0");
        await ExecuteAsync(database, $"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = '{role}'");
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        await node.WaitUntilNotReadyAsync("PostgreSQL has no connection free");
        Assert.Equal(1000, await job.CommittedAsync());

        await ExecuteAsync(database, $"ALTER ROLE \"{role}\" CONNECTION LIMIT -1");
        await GoesOnAsync(job, node, 2_000);
    }

    private async Task<Node> StartedAsync(Job job, params (string, string)[] settings)
    {
        var node = await job.StartReadyAsync(null, settings);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        await job.WaitUntilCommittedAsync(1_000);
        return node;
    }

    private static async Task GoesOnAsync(Job job, Node node, long records)
    {
        await job.WaitUntilCommittedAsync(records);
        await node.WaitUntilReadyAsync();
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static async Task ExecuteAsync(string connectionString, string sql)
    {
        await using var connection = new NpgsqlConnection(new NpgsqlConnectionStringBuilder(connectionString) { Pooling = false }.ConnectionString);
        await connection.OpenAsync();
        await using var command = new NpgsqlCommand(sql, connection);
        await command.ExecuteNonQueryAsync();
    }
}
