using System.Globalization;
using System.Reflection;
using System.Text;
using System.Text.Json;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Nodes that make sessions together and keep a state of each user, and are killed while they do.</summary>
public sealed class StatefulNodeTests(TestKafka kafka, TestPostgres postgres, ITestOutputHelper output)
{
    private const int Partitions = 4;
    private const int Kills = 8;
    private static readonly TimeSpan _gap = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan _grace = TimeSpan.FromHours(1);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>The whole state of the users of a partition is some 50 kB: more than this has room for.</summary>
    private const string StateCacheBytes = "65536";
    private const int TrailLength = 400;

    private sealed record Session(string Path, DateTime Start, DateTime End, long N);

    private static string Program => typeof(StatefulNodeTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>().Single(a => a.Key == "StatefulNode").Value!;

    [Fact]
    public async Task sessions_and_states_of_two_nodes_that_are_killed_again_and_again_are_those_of_all_records()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        await using var job = await Job.CreateAsync(kafka, await postgres.CreateDatabaseAsync(Cancel), Partitions, Program);
        var pathsTopic = TestKafka.UniqueName("clicks-by-path");
        job.Settings["Streams__StateCacheBytes"] = StateCacheBytes;
        job.Settings["StatefulNode__PathsTopic"] = kafka.IsReal ? pathsTopic : null;
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
        var clicks = await job.ReadAsync(job.Clicks);
        var expected = Recounted(clicks);
        Assert.Equal(expected, await TableAsync(job));
        Assert.True(expected.Count(s => s.N > 1) > 100, "There are too few sessions of several clicks to show anything.");
        if (kafka.IsReal)
        {
            // Behind a transaction that a dead node left open, readers see nothing until the broker gives it up.
            await Eventually.True(async () => expected.SequenceEqual(await ChangelogAsync(job)), Patience.Long, "the changelog leaves the sessions of the table, and no others");
        }

        await CheckUsersAsync(job, clicks);
        if (kafka.IsReal)
        {
            // The embedded Kafka shows records of aborted transactions, which would be folded in.
            await CheckPathsAsync(job, pathsTopic, clicks);
        }
    }

    /// <summary>Each click went through the topic once, and the states are made of what is there, in that order.</summary>
    private static async Task CheckPathsAsync(Job job, string topic, IReadOnlyList<TestRecord> clicks)
    {
        await Eventually.True(async () => (await job.ReadAsync(topic)).Count >= clicks.Count, Patience.Long, "every click is in the topic");
        var between = await job.ReadAsync(topic);
        Assert.Equal(
            clicks.Select(c => $"{c.Topic}-{c.Partition}@{c.Offset} {Recount.PathAndTime(c).Path}").Order(StringComparer.Ordinal),
            between.Select(b => $"{Origin(b)} {b.KeyText}").Order(StringComparer.Ordinal));
        var paths = new Dictionary<(int Partition, string Path), (int Clicks, string Trail)>();
        foreach (var record in between.OrderBy(r => r.Partition).ThenBy(r => r.Offset))
        {
            using var click = JsonDocument.Parse(record.Value);
            var (n, trail) = paths.GetValueOrDefault((record.Partition, record.KeyText!), (0, ""));
            trail = $"{trail} {click.RootElement.GetProperty("status").GetInt32()}";
            paths[(record.Partition, record.KeyText!)] = (n + 1, trail[^Math.Min(TrailLength, trail.Length)..]);
        }

        var expected = paths.Select(p => (p.Key.Partition, p.Key.Path, p.Value.Clicks, p.Value.Trail)).Order().ToList();
        Assert.Equal(expected.Count, expected.DistinctBy(p => p.Path).Count());
        await Eventually.True(async () => (await PathsAsync()).Sum(p => p.Clicks) >= clicks.Count, Patience.Long, "every click is folded in");
        Assert.Equal(expected, await PathsAsync());

        async Task<List<(int Partition, string Path, int Clicks, string Trail)>> PathsAsync() => [.. (await job.RowsAsync(
            "paths", "partition, key, (state->>'Clicks')::integer, state->>'Trail'", r => (Partition: r.GetInt32(0), Path: r.GetString(1), Clicks: r.GetInt32(2), Trail: r.GetString(3)))).Order()];
    }

    [Fact]
    public async Task without_transactions_nothing_is_repartitioned()
    {
        await using var job = await Job.CreateAsync(kafka, await postgres.CreateDatabaseAsync(Cancel), Partitions, Program);
        var node = job.Start(null, ("Streams__Guarantee", "AtLeastOnce"), ("StatefulNode__PathsTopic", "by-path"));
        Assert.Equal(1, await node.WaitForExitAsync(Patience.Long));
        Assert.Contains(
            "Streams:Guarantee is AtLeastOnce, and the topology sends records through topic by-path: one that is sent twice would take effect twice behind it. Set it to ExactlyOnce.",
            node.Output, StringComparison.Ordinal);
    }

    private async Task CheckUsersAsync(Job job, IReadOnlyList<TestRecord> clicks)
    {
        var states = new Dictionary<(int Partition, string User), (int Clicks, string Trail)>();
        var answers = new List<string>();
        foreach (var record in clicks.Where(r => r.Key is not null).OrderBy(r => r.Partition).ThenBy(r => r.Offset))
        {
            var (n, trail) = states.GetValueOrDefault((record.Partition, record.KeyText!), (0, ""));
            trail = $"{trail} {Recount.PathAndTime(record).Path}";
            trail = trail[^Math.Min(TrailLength, trail.Length)..];
            states[(record.Partition, record.KeyText!)] = (n + 1, trail);
            answers.Add($"{record.Topic}-{record.Partition}@{record.Offset} {record.KeyText} {n + 1}{trail}");
        }

        var rows = await job.RowsAsync(
            "users", "partition, key, (state->>'Clicks')::integer, state->>'Trail'", r => (r.GetInt32(0), r.GetString(1), r.GetInt32(2), r.GetString(3)));
        Assert.Equal(
            states.Select(s => (s.Key.Partition, s.Key.User, s.Value.Clicks, s.Value.Trail)).OrderBy(s => s.Partition).ThenBy(s => s.User, StringComparer.Ordinal),
            rows.OrderBy(r => r.Item1).ThenBy(r => r.Item2, StringComparer.Ordinal));
        if (kafka.IsReal)
        {
            // Each click is answered once, with the state that it led to.
            await Eventually.True(async () => (await job.ReadAsync(job.Errors)).Count >= answers.Count, Patience.Long, "every click is answered");
            Assert.Equal(answers.Order(StringComparer.Ordinal), (await job.ReadAsync(job.Errors)).Select(Answer).Order(StringComparer.Ordinal));
        }
    }

    private static string Origin(TestRecord record) => Encoding.UTF8.GetString(record.Headers.Single(h => h.Key == "origin").Value!);

    private static string Answer(TestRecord record)
    {
        using var state = JsonDocument.Parse(record.Value);
        return $"{Origin(record)} {record.KeyText} {state.RootElement.GetProperty("Clicks").GetInt32()}{state.RootElement.GetProperty("Trail").GetString()}";
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
