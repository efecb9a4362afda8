using Npgsql;
using Streams.Hosting.Postgres;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

public sealed class DataSourceTests(TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static NpgsqlConnectionStringBuilder Settings(string connectionString, PostgresOptions? options = null) =>
        PostgresDataSource.Settings(connectionString, "clickstream", "node-1", options ?? new PostgresOptions());

    [Fact]
    public void what_the_connection_string_leaves_open_is_filled_in()
    {
        var settings = Settings("Host=db");
        Assert.Equal("streams/clickstream/node-1", settings.ApplicationName);
        Assert.Equal(35, settings.CommandTimeout);
        Assert.Equal(128, settings.MaxAutoPrepare);
        Assert.Equal(5, settings.MaxPoolSize);
        Assert.True(settings.TcpKeepAlive);
        Assert.True(settings.NoResetOnClose);
        Assert.True(settings.IncludeFailedBatchedCommand);
    }

    [Fact]
    public void what_the_connection_string_says_stands()
    {
        var settings = Settings("Host=db;ApplicationName=mine;Command Timeout=7;Max Auto Prepare=3;Maximum Pool Size=9;TCP Keepalive=false;No Reset On Close=false");
        Assert.Equal("mine", settings.ApplicationName);
        Assert.Equal(7, settings.CommandTimeout);
        Assert.Equal(3, settings.MaxAutoPrepare);
        Assert.Equal(9, settings.MaxPoolSize);
        Assert.False(settings.TcpKeepAlive);
        Assert.False(settings.NoResetOnClose);
    }

    [Fact]
    public void without_prepared_statements_none_are_prepared() =>
        Assert.Equal(0, Settings("Host=db", new PostgresOptions { PrepareStatements = false }).MaxAutoPrepare);

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public async Task statements_are_prepared_as_configured_and_sessions_keep_no_limits(bool prepare)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        var options = new PostgresOptions { PrepareStatements = prepare, StatementTimeout = TimeSpan.FromSeconds(17) };
        await using var dataSource = PostgresDataSource.Create(harness.ConnectionString + ";Maximum Pool Size=1", "clickstream", "node-1", options);
        await using var store = new PostgresStateStore(
            dataSource, "clickstream", Clicks.Topology(), "node-1", options, Microsoft.Extensions.Logging.Abstractions.NullLogger<PostgresStateStore>.Instance);
        using var worker = new Worker(Clicks.Topology());
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        for (var i = 0; i < 4; i++)
        {
            worker.Feed(Clicks.Start, Clicks.Json("/a", 500));
            var commit = worker.Take();
            await using var transaction = await store.WriteAsync([commit], Cancel);
            await transaction.CommitAsync(Cancel);
            worker.Committed(commit);
        }

        await using var command = dataSource.CreateCommand("SELECT count(*)::int, current_setting('statement_timeout'), current_setting('lock_timeout') FROM pg_prepared_statements");
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        await reader.ReadAsync(Cancel);
        Assert.Equal(prepare ? 3 : 0, reader.GetInt32(0));
        Assert.Equal(("0", "0"), (reader.GetString(1), reader.GetString(2)));
    }
}
