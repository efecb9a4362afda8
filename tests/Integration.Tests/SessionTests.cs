using System.Globalization;
using System.Reflection;
using System.Text.Json;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Nodes that make sessions together, and are killed while they do.</summary>
public sealed class SessionTests(TestKafka kafka, TestPostgres postgres, ITestOutputHelper output)
{
    private const int Partitions = 4;
    private const int Kills = 8;
    private static readonly TimeSpan _gap = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _grace = TimeSpan.FromHours(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Session(string Path, DateTime Start, DateTime End, long N);

    private static string Program => typeof(SessionTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "SessionsNode").Value!;

    [Fact]
    public async Task sessions_of_two_nodes_that_are_killed_again_and_again_are_those_of_all_records()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var job = await Job.CreateAsync(kafka, await postgres.CreateDatabaseAsync(Cancel), Partitions, Program);
        await using var feed = new Feed(job, new TestClicks(seed, Partitions), perSecond: 800);
        await job.StartReadyAsync("node-0");
        await job.StartReadyAsync("node-1");
        for (var kill = 0; kill < Kills; kill++)
        {
            var committed = await job.CommittedAsync();
            await Eventually.True(async () => await job.CommittedAsync() > committed, Patience.Long, "something is committed");
            await Task.Delay(random.Next(600), Cancel);
            var name = $"node-{random.Next(2)}";
            await job.Nodes.Last(n => n.Name == name).KillAsync();
            await job.StartReadyAsync(name);
        }

        await job.WaitUntilCommittedAsync(await feed.StopAsync());
        var expected = Recounted(await job.ReadAsync(job.Clicks));
        Assert.Equal(expected, await TableAsync(job));
        Assert.True(expected.Count(s => s.N > 1) > 100, "There are too few sessions of several clicks to show anything.");
        if (kafka.IsReal)
        {
            // Behind a transaction that a dead node left open, readers see nothing until the broker gives it up.
            await Eventually.True(async () => expected.SequenceEqual(await ChangelogAsync(job)), Patience.Long, "the changelog leaves the sessions of the table, and no others");
        }
    }

    /// <summary>The clicks that are not late, by path, cut where two are further apart than the gap.</summary>
    private static List<Session> Recounted(IReadOnlyList<TestRecord> clicks)
    {
        var taken = new List<(string Path, DateTime Time)>();
        foreach (var partition in clicks.GroupBy(r => r.Partition))
        {
            var streamTime = DateTime.MinValue;
            foreach (var record in partition.OrderBy(r => r.Offset))
            {
                var (path, time) = Recount.PathAndTime(record);
                streamTime = time > streamTime ? time : streamTime;
                if (streamTime - time <= _gap + _grace)
                {
                    taken.Add((path, time));
                }
            }
        }

        var sessions = new List<Session>();
        foreach (var (path, time) in taken.OrderBy(t => t.Path, StringComparer.Ordinal).ThenBy(t => t.Time))
        {
            if (sessions.Count > 0 && sessions[^1].Path == path && time - sessions[^1].End <= _gap)
            {
                sessions[^1] = sessions[^1] with { End = time, N = sessions[^1].N + 1 };
            }
            else
            {
                sessions.Add(new Session(path, time, time, 1));
            }
        }

        return sessions;
    }

    private static async Task<List<Session>> TableAsync(Job job)
    {
        var sessions = await job.RowsAsync("sessions", "path, session_start, session_end, n", r => new Session(r.GetString(0), r.GetDateTime(1), r.GetDateTime(2), r.GetInt64(3)));
        return InOrder(sessions);
    }

    private static async Task<List<Session>> ChangelogAsync(Job job)
    {
        var last = new Dictionary<string, Session?>();
        foreach (var record in await job.ReadAsync(job.Counts))
        {
            last[record.KeyText!] = record.Value is null ? null : Read(record.Value);
        }

        return InOrder(last.Values.OfType<Session>());
    }

    private static Session Read(byte[] json)
    {
        using var row = JsonDocument.Parse(json);
        DateTime Time(string name) => DateTime.Parse(row.RootElement.GetProperty(name).GetString()!, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal);
        return new Session(row.RootElement.GetProperty("path").GetString()!, Time("session_start"), Time("session_end"), row.RootElement.GetProperty("n").GetInt64());
    }

    private static List<Session> InOrder(IEnumerable<Session> sessions) => [.. sessions.OrderBy(s => s.Path, StringComparer.Ordinal).ThenBy(s => s.Start)];
}
