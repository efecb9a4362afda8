using Microsoft.Extensions.Configuration;
using Npgsql;
using Streams.Hosting.Diagnostics;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Diagnostics;

public sealed class StreamsCheckTests(TestPostgres postgres, TestKafka kafka)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private readonly string _input = TestKafka.UniqueName("input");
    private readonly string _output = TestKafka.UniqueName("output");
    private readonly string _application = TestKafka.UniqueName("app");

    private Topology Topology()
    {
        var builder = new StreamBuilder();
        var values = builder.Stream(_input, Codecs.Utf8, Codecs.Utf8);
        values.To(_output);
        values.MapValues(value => new Row(value)).ToTable("rows");
        return builder.Build();
    }

    private static string As(string connectionString, Action<NpgsqlConnectionStringBuilder> change)
    {
        var builder = new NpgsqlConnectionStringBuilder(connectionString);
        change(builder);
        return builder.ConnectionString;
    }

    private Task<Dictionary<string, CheckResult>> CheckAsync(string servers, string connection, params (string Key, string Value)[] further) =>
        RunAsync(
        [
            new("ConnectionStrings:Kafka", servers), new("ConnectionStrings:Postgres", connection), new("Streams:ApplicationId", _application),
            .. further.Select(f => KeyValuePair.Create(f.Key, (string?)f.Value)),
        ]);

    private async Task<Dictionary<string, CheckResult>> RunAsync(KeyValuePair<string, string?>[] settings, Topology? topology = null)
    {
        var results = new Dictionary<string, CheckResult>();
        var configuration = new ConfigurationBuilder().AddInMemoryCollection(settings).Build();
        await foreach (var result in StreamsCheck.RunAsync(topology ?? Topology(), configuration, Cancel))
        {
            results.Add(result.Name, result);
        }

        return results;
    }

    private static void AssertWrong(string expected, CheckResult result)
    {
        Assert.Equal(CheckOutcome.Wrong, result.Outcome);
        Assert.Contains(expected, result.Message, StringComparison.Ordinal);
    }

    private static async Task ExecuteAsync(string connection, string sql)
    {
        await using var source = NpgsqlDataSource.Create(connection);
        await source.CreateCommand(sql).ExecuteNonQueryAsync(Cancel);
    }

    [Fact]
    public async Task where_everything_is_there_nothing_is_wrong_and_nothing_is_made()
    {
        var connection = await postgres.CreateDatabaseAsync(Cancel);
        await kafka.CreateTopicAsync(_input, 3);
        var results = await CheckAsync(kafka.BootstrapServers, connection);

        Assert.All(results.Values, r => Assert.True(r.Outcome == CheckOutcome.Ok, $"{r.Name}: {r.Message}"));
        Assert.Equal(
            ["configuration", "Kafka", $"topic {_input}", $"topic {_output}", "consumer group", "transactions", "PostgreSQL", "applied topology", "tables", "rights"],
            results.Keys);
        Assert.Equal("input, 3 partitions, may be read", results[$"topic {_input}"].Message);
        Assert.StartsWith($"the node will create \"{_application}\".\"partitions\"", results["tables"].Message, StringComparison.Ordinal);
        await using var source = NpgsqlDataSource.Create(connection);
        Assert.Equal(0L, await source.CreateCommand($"SELECT count(*) FROM pg_namespace WHERE nspname = '{_application}'").ExecuteScalarAsync(Cancel));
        if (kafka.IsReal)
        {
            Assert.Equal("output, does not exist; the node may create it, and will", results[$"topic {_output}"].Message);
            Assert.Equal("output, does not exist; the node may create it, and will",
                (await CheckAsync(kafka.BootstrapServers, connection))[$"topic {_output}"].Message);
        }
    }

    [Fact]
    public async Task a_repartition_topic_is_made_by_the_node_and_read_by_it_and_takes_transactions()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka may make topics that are asked for.");
        var builder = new StreamBuilder();
        builder.Stream(_input, Codecs.Utf8, Codecs.Utf8).SelectKey(value => value).Repartition(_output, Codecs.Utf8).Reduce("latest", (_, value) => value);
        var topology = builder.Build();
        await kafka.CreateTopicAsync(_input, 3);
        KeyValuePair<string, string?>[] settings =
        [
            new("ConnectionStrings:Kafka", kafka.BootstrapServers), new("ConnectionStrings:Postgres", await postgres.CreateDatabaseAsync(Cancel)),
            new("Streams:ApplicationId", _application),
        ];
        var results = await RunAsync(settings, topology);
        Assert.All(results.Values, r => Assert.True(r.Outcome == CheckOutcome.Ok, $"{r.Name}: {r.Message}"));
        Assert.Equal("output, does not exist; the node may create it, and will", results[$"topic {_output}"].Message);

        await kafka.CreateTopicAsync(_output, 2);
        results = await RunAsync(settings, topology);
        Assert.Equal("repartition, 2 partitions, may be read", results[$"topic {_output}"].Message);
        Assert.Equal(CheckOutcome.Ok, results["transactions"].Outcome);

        AssertWrong(
            $"Streams:Guarantee is AtLeastOnce, and the topology sends records through topic {_output}",
            (await RunAsync([.. settings, new("Streams:Guarantee", "AtLeastOnce")], topology))["configuration"]);
    }

    [Fact]
    public async Task an_input_that_is_not_there_is_wrong()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka may make topics that are asked for.");
        var results = await CheckAsync(kafka.BootstrapServers, await postgres.CreateDatabaseAsync(Cancel));
        AssertWrong($"The input topic {_input} does not exist", results[$"topic {_input}"]);
        Assert.Equal(CheckOutcome.NotTried, results["consumer group"].Outcome);
    }

    [Fact]
    public async Task servers_that_are_down_are_named_and_what_needs_them_is_not_tried()
    {
        var connection = As(await postgres.CreateDatabaseAsync(Cancel), c => c.Port = 1);
        var results = await CheckAsync("127.0.0.1:1", connection);
        AssertWrong("Reaching Kafka at 127.0.0.1:1 failed: ", results["Kafka"]);
        AssertWrong("Is Kafka running there? ConnectionStrings:Kafka says where it is", results["Kafka"]);
        AssertWrong("127.0.0.1:1: No connection to PostgreSQL: ", results["PostgreSQL"]);
        string[] others = [$"topic {_input}", $"topic {_output}", "consumer group", "applied topology", "tables", "rights"];
        Assert.All(others, name => Assert.Equal(CheckOutcome.NotTried, results[name].Outcome));
    }

    [Fact]
    public async Task every_wrong_setting_is_named()
    {
        var results = await RunAsync(
        [
            new("Streams:ApplicationId", "a"), new("Streams:CommitInterval", "01:00:00"),
            new("ConnectionStrings:Kafka", "127.0.0.1:1"), new("Kafka:Consumer:fetch.foo", "1"), new("ConnectionStrings:Postgres", "Hosst=x"),
        ]);
        AssertWrong("Streams:CommitInterval is 01:00:00", results["configuration"]);
        AssertWrong("Kafka:Consumer:fetch.foo", results["configuration"]);
        AssertWrong("ConnectionStrings:Postgres cannot be read", results["configuration"]);
        Assert.All(results.Values.Skip(1), r => Assert.Equal(CheckOutcome.NotTried, r.Outcome));
        Assert.Equal(3, results["configuration"].Message.Split('\n').Length);
        AssertWrong("ConnectionStrings:Kafka is not set", (await RunAsync([]))["configuration"]);
    }

    [Fact]
    public async Task a_refused_login_and_a_missing_database_are_told_apart()
    {
        var connection = await postgres.CreateDatabaseAsync(Cancel);
        AssertWrong("PostgreSQL refused the login", (await CheckAsync("127.0.0.1:1", As(connection, c => c.Password = "no")))["PostgreSQL"]);
        AssertWrong("CREATE DATABASE", (await CheckAsync("127.0.0.1:1", As(connection, c => c.Database = "nowhere")))["PostgreSQL"]);
    }

    [Fact]
    public async Task missing_rights_are_told_with_the_statements_that_grant_them()
    {
        var connection = await postgres.CreateDatabaseAsync(Cancel);
        var role = _application + "-role";
        await ExecuteAsync(connection, $"CREATE ROLE \"{role}\" LOGIN PASSWORD 'secret'");
        var poor = As(connection, c => (c.Username, c.Password) = (role, "secret"));

        var fresh = await CheckAsync("127.0.0.1:1", poor);
        AssertWrong($"GRANT CREATE ON DATABASE", fresh["rights"]);
        Assert.Equal(CheckOutcome.Ok, fresh["tables"].Outcome);

        await ExecuteAsync(connection, $"CREATE SCHEMA \"{_application}\" AUTHORIZATION \"{role}\"");
        Assert.Equal(CheckOutcome.Ok, (await CheckAsync("127.0.0.1:1", poor))["rights"].Outcome);
    }

    [Fact]
    public async Task a_table_that_differs_is_told_with_the_statement_that_mends_it()
    {
        var connection = await postgres.CreateDatabaseAsync(Cancel);
        await ExecuteAsync(connection,
            $"""CREATE SCHEMA "{_application}"; CREATE TABLE "{_application}".nodes (name integer PRIMARY KEY, started_at timestamptz NOT NULL, seen_at timestamptz NOT NULL)""");
        var results = await CheckAsync("127.0.0.1:1", connection);
        AssertWrong("""column "name" is integer, and must be text""", results["tables"]);
        AssertWrong("ALTER TABLE", results["tables"]);
        Assert.Equal(CheckOutcome.Ok, results["rights"].Outcome);
    }

    private sealed record Row(string Text);
}
