using Integration.Tests.Support;
using Npgsql;
using TestKit;

namespace Chaos.Tests;

/// <summary>A whole node whose way to PostgreSQL is cut in the COMMIT, again and again, with Kafka's transactions already committed.</summary>
public sealed class CutNodeTests(TestKafka kafka, TestPostgres postgres, ITestOutputHelper output)
{
    private const int Partitions = 4;
    private const int Cuts = 50;
    private static readonly NextRequest[] _kinds = [NextRequest.Lose, NextRequest.LoseHalf, NextRequest.LeaveAlone, NextRequest.LoseAnswer];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task a_node_cut_off_in_fifty_commits_keeps_tables_and_topics_exact()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka shows aborted transactions, so its topics could not be compared.");
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var database = await postgres.CreateDatabaseAsync(Cancel);
        await using var proxy = new CommitProxy(postgres.Server.Port);
        await using var job = await Job.CreateAsync(kafka, database, Partitions);
        var node = await job.StartReadyAsync(null, ("ConnectionStrings__Postgres", Through(proxy, database)));
        await using var feed = new Feed(job, new TestClicks(seed, Partitions), perSecond: 800);
        await job.WaitUntilCommittedAsync(1);

        var random = new Random(seed);
        var cuts = 0;
        proxy.AtCommit = () =>
        {
            lock (random)
            {
                return cuts < Cuts && random.Next(3) > 0 && ++cuts > 0 ? _kinds[random.Next(_kinds.Length)] : NextRequest.Pass;
            }
        };
        await Eventually.True(() => cuts == Cuts, Patience.Long, $"{Cuts} commits are cut");

        await job.WaitUntilCommittedAsync(await feed.StopAsync());
        await node.WaitUntilReadyAsync();
        Assert.InRange(await node.MetricAsync("streams_commit_failures_total"), Cuts, double.MaxValue);
        await Exactly.AllAsync(job);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static string Through(CommitProxy proxy, string database) =>
        new NpgsqlConnectionStringBuilder(database) { Port = proxy.Port, SslMode = SslMode.Disable, GssEncryptionMode = GssEncryptionMode.Disable }.ConnectionString;
}
