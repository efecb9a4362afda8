using Microsoft.Extensions.Configuration;
using Npgsql;
using Streams.Hosting.DeadLetters;
using Streams.Hosting.Offsets;
using Streams.Hosting.Topologies;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

public sealed class OperatorConnectionTests(TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task a_connection_string_without_a_server_is_refused_before_its_first_use()
    {
        foreach (var error in await RefusedAsync(Configuration("Database=streams")))
        {
            Assert.Equal("ConnectionStrings:Postgres cannot be read: Value cannot be null. (Parameter 'Host')", error);
        }
    }

    [Fact]
    public async Task an_application_without_an_id_is_refused()
    {
        foreach (var error in await RefusedAsync(Configuration("Host=db", application: "")))
        {
            Assert.Equal("Streams:ApplicationId is '', which cannot name a PostgreSQL schema: the name is empty.", error);
        }
    }

    [Fact]
    public async Task an_application_that_has_never_run_has_no_offsets()
    {
        using var offsets = InputOffsets.Open(Clicks.Topology(), Configuration(await postgres.CreateDatabaseAsync(Cancel), "other"));
        var error = await Assert.ThrowsAsync<OffsetsException>(() => offsets.ListAsync(Cancel));
        Assert.Equal(
            "There are no tables of the application 'other': no node of it has run on this database. Check Streams:ApplicationId and ConnectionStrings:Postgres.",
            error.Message);
    }

    [Fact]
    public async Task a_role_without_rights_is_told_which_script_makes_one_with_them()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync("CREATE ROLE passer_by LOGIN PASSWORD 'secret'");
        var connection = new NpgsqlConnectionStringBuilder(harness.ConnectionString) { Username = "passer_by", Password = "secret" }.ConnectionString;
        using var offsets = InputOffsets.Open(Clicks.Topology(), Configuration(connection));
        var error = await Assert.ThrowsAsync<OffsetsException>(() => offsets.ListAsync(Cancel));
        Assert.Equal(
            "The role may not do that: permission denied for schema clickstream. docs/postgres-operator-role.sql makes a role with all the rights that commands need.",
            error.Message);
    }

    private static async Task<string[]> RefusedAsync(IConfiguration configuration) =>
    [
        Assert.Throws<StreamsConfigurationException>(() => DeadLetterTable.Open(configuration)).Message,
        Assert.Throws<StreamsConfigurationException>(() => InputOffsets.Open(Clicks.Topology(), configuration)).Message,
        (await Assert.ThrowsAsync<StreamsConfigurationException>(() => AppliedTopology.CompareAsync(Clicks.Topology(), configuration, Cancel))).Message,
    ];

    private static IConfigurationRoot Configuration(string connection, string application = StoreHarness.Application) => new ConfigurationBuilder().AddInMemoryCollection(
    [
        new("Streams:ApplicationId", application),
        new("ConnectionStrings:Postgres", connection),
        new("ConnectionStrings:Kafka", "127.0.0.1:1"),
    ]).Build();
}
