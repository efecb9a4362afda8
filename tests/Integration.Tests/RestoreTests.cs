using Integration.Tests.Support;
using Npgsql;
using TestKit;

namespace Integration.Tests;

public sealed class RestoreTests(TestKafka kafka, TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task after_a_backup_is_restored_what_it_lacks_is_read_again_and_no_record_is_forwarded_twice()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka forgets the offsets of transactions.");
        Assert.SkipWhen(Rerun.IsOne, Rerun.Reason);
        var connection = await postgres.CreateDatabaseAsync(Cancel);
        await using var job = await Job.CreateAsync(kafka, connection);
        var clicks = new TestClicks(4, 4);
        await RunAsync(job, clicks, records: 1_000, committed: 1_000);
        await ExecuteAsync(connection, ForEachTable(job, "CREATE TABLE backup.%2$I AS TABLE %1$I.%2$I"));
        await RunAsync(job, clicks, records: 1_000, committed: 2_000);

        await ExecuteAsync(connection, ForEachTable(job, "TRUNCATE %1$I.%2$I; INSERT INTO %1$I.%2$I SELECT * FROM backup.%2$I"));
        Assert.Equal(1_000, await job.CommittedAsync());
        await RunAsync(job, clicks, records: 500, committed: 2_500);
        await Exactly.AllAsync(job);
    }

    private static async Task RunAsync(Job job, TestClicks clicks, int records, int committed)
    {
        await TopicWriter.WriteAsync(job.Kafka.BootstrapServers, job.Clicks, clicks.Take(records));
        var node = await job.StartReadyAsync("node");
        await job.WaitUntilCommittedAsync(committed);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static string ForEachTable(Job job, string statement) =>
        $"""
        CREATE SCHEMA IF NOT EXISTS backup;
        DO $$ DECLARE t text; BEGIN
            FOR t IN SELECT tablename FROM pg_tables WHERE schemaname = '{job.Application}' LOOP
                EXECUTE format('{statement}', '{job.Application}', t);
            END LOOP;
        END $$
        """;

    private static async Task ExecuteAsync(string connection, string sql)
    {
        await using var source = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(connection) { Pooling = false });
        await using var command = source.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }
}
