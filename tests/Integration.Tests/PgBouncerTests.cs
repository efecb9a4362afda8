using Integration.Tests.Support;
using Streams.Hosting.Embedded;
using TestKit;

namespace Integration.Tests;

/// <summary>Nodes whose way to PostgreSQL is a PgBouncer in transaction mode.</summary>
public sealed class PgBouncerTests(TestKafka kafka, ITestOutputHelper output)
{
    private const int ServerConnections = 3;

    [Fact]
    public async Task behind_pgbouncer_a_killed_node_counts_everything_exactly_once_and_every_transaction_has_its_limits()
    {
        Assert.SkipWhen(Rerun.IsOne, Rerun.Reason);
        Assert.SkipWhen(PgBouncer.Absent is not null, PgBouncer.Absent ?? "");
        await using var postgres = await TestPostgres.StartOwnAsync(
            TestContext.Current.CancellationToken, ("log_statement", "all"), ("log_line_prefix", "%v|%a|"));
        await using var bouncer = await PgBouncer.StartAsync(postgres.ConnectionString, ServerConnections);
        output.WriteLine($"prepared statements: {bouncer.Prepares}");
        await using var job = await Job.CreateAsync(kafka, bouncer.ConnectionString);
        job.Settings["Streams__Postgres__PrepareStatements"] = bouncer.Prepares ? "true" : "false";

        var stays = await job.StartReadyAsync("stays");
        await using var feed = new Feed(job, new TestClicks(3, 4), perSecond: 500);
        for (var kill = 0; kill < 2; kill++)
        {
            await using var dies = await job.StartReadyAsync("dies");
            var before = await job.CommittedAsync();
            await Eventually.True(
                async () => (await job.OwnersAsync()).ContainsValue("dies") && await job.CommittedAsync() > before + 200, Patience.Long, "the second node commits, too");
            await dies.KillAsync();
        }

        var written = await feed.StopAsync();
        await job.WaitUntilCommittedAsync(written);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await stays.StopAsync(Patience.Short));
        await CheckLimitsAsync(postgres);
    }

    /// <summary>The first thing that any transaction of a node does is to set its limits, as the server's own log has it.</summary>
    private static async Task CheckLimitsAsync(EmbeddedPostgres postgres)
    {
        string[] notOurs = ["BEGIN", "COMMIT", "ROLLBACK", "SET ", "SELECT version()"];
        var transactions = (await File.ReadAllLinesAsync(Path.Combine(postgres.DataFolder, "server.log"), TestContext.Current.CancellationToken))
            .Select(line => line.Split('|', 3))
            .Where(parts => parts.Length == 3 && parts[1].StartsWith("streams/", StringComparison.Ordinal))
            .Select(parts => (Transaction: parts[0], Statement: StatementOf(parts[2])))
            .Where(line => line.Statement is { } statement && !Array.Exists(notOurs, n => statement.StartsWith(n, StringComparison.Ordinal)))
            .GroupBy(line => line.Transaction, line => line.Statement!)
            .ToList();
        Assert.True(transactions.Count > 50, $"The log shows {transactions.Count} transactions.");
        Assert.All(transactions, statements => Assert.StartsWith("SELECT set_config('statement_timeout'", statements.First(), StringComparison.Ordinal));
        Assert.Contains(transactions, statements => statements.Any(s => s.StartsWith("COPY ", StringComparison.Ordinal)));
        Assert.Contains(transactions, statements => statements.Any(s => s.Contains("pg_advisory_xact_lock", StringComparison.Ordinal)));
    }

    private static string? StatementOf(string text)
    {
        foreach (var begin in new[] { "LOG:  statement: ", "LOG:  execute " })
        {
            if (text.StartsWith(begin, StringComparison.Ordinal))
            {
                return text[(text.IndexOf(": ", begin.Length - 2, StringComparison.Ordinal) + 2)..];
            }
        }

        return null;
    }
}
