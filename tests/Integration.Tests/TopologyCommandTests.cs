using Integration.Tests.Support;
using Npgsql;
using TestKit;

namespace Integration.Tests;

/// <summary>The commands <c>topology diff</c> and <c>topology accept</c>, and the node that they are for.</summary>
public sealed class TopologyCommandTests(TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task a_changed_topology_is_shown_refused_and_accepted()
    {
        Assert.SkipWhen(Rerun.IsOne, Rerun.Reason);
        var connection = await postgres.CreateDatabaseAsync(Cancel);
        Dictionary<string, string?> settings = new() { ["ConnectionStrings__Postgres"] = connection, ["ConnectionStrings__Kafka"] = "127.0.0.1:1" };
        Assert.Equal((0, "No topology has been applied yet; the first node that starts applies the one that is declared."), await RunAsync(settings, "topology", "diff"));
        var (exitCode, output) = await RunAsync(settings, "topology", "accept", "--yes");
        Assert.Equal(0, exitCode);
        Assert.EndsWith("There is nothing to accept: a node starts with it.", output, StringComparison.Ordinal);

        await using (var first = Node.Start(settings))
        {
            await first.WaitForLineAsync("tables are as they must be");
        }

        Assert.StartsWith("The topology is as it was applied on 20", (await RunAsync(settings, "topology", "diff")).Output, StringComparison.Ordinal);

        // As if an earlier version of the program had counted per five minutes.
        await using (var source = NpgsqlDataSource.Create(connection))
        {
            await source.CreateCommand("""UPDATE clickstream.topology SET tables = jsonb_set(tables, '{tables,1,windows,size}', '"00:05:00"')""").ExecuteNonQueryAsync(Cancel);
        }

        const string Difference = "windows: applied tumbling, 00:05:00 long, declared tumbling, 00:01:00 long";
        (exitCode, output) = await RunAsync(settings, "topology", "diff");
        Assert.Equal(1, exitCode);
        Assert.Contains(Difference, output, StringComparison.Ordinal);
        (exitCode, output) = await RunAsync(settings, "topology", "diff", "-o", "json");
        Assert.Equal(1, exitCode);
        Assert.Contains("\"compatible\":false", output, StringComparison.Ordinal);
        (exitCode, output) = await RunAsync(settings, "run");
        Assert.Equal(1, exitCode);
        Assert.Contains(Difference, output, StringComparison.Ordinal);

        (exitCode, output) = await RunAsync(settings, "topology", "accept");
        Assert.Equal(1, exitCode);
        Assert.Contains("There is nobody to ask; --yes answers beforehand.\nNothing was changed.", output, StringComparison.Ordinal);
        Assert.Equal(1, (await RunAsync(settings, "topology", "diff")).ExitCode);
        (exitCode, output) = await RunAsync(settings, "topology", "accept", "--yes");
        Assert.Equal(0, exitCode);
        Assert.Contains("Rows that stand keep the meaning they had", output, StringComparison.Ordinal);
        await using var accepted = Node.Start(settings);
        await accepted.WaitForLineAsync("tables are as they must be");
    }

    [Fact]
    public async Task a_database_that_is_away_is_told_and_not_taken_for_an_empty_one()
    {
        Assert.SkipWhen(Rerun.IsOne, Rerun.Reason);
        Dictionary<string, string?> settings = new() { ["ConnectionStrings__Postgres"] = "Host=127.0.0.1;Port=1;Database=x;Username=x" };
        foreach (var verb in new[] { "diff", "accept" })
        {
            var (exitCode, output) = await RunAsync(settings, "topology", verb);
            Assert.Equal(1, exitCode);
            Assert.StartsWith("127.0.0.1:1: No connection to PostgreSQL: ", output, StringComparison.Ordinal);
        }
    }

    private static async Task<(int ExitCode, string Output)> RunAsync(IReadOnlyDictionary<string, string?> settings, params string[] arguments)
    {
        await using var process = NodeProcess.Start(Node.Program, arguments, settings);
        return (await process.WaitForExitAsync(Patience.Long), process.Output);
    }
}
