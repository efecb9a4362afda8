using System.Globalization;
using System.Text;
using Integration.Tests.Support;
using Streams.Hosting.DeadLetters;
using TestKit;

namespace Integration.Tests;

/// <summary>
/// Records that fail for a reason that passes: a node takes small ones only, and the next one takes all. What is replayed
/// then must give what would have been, had all of them been good from the start.
/// </summary>
public sealed class DeadLetterTests(TestKafka kafka, TestPostgres postgres)
{
    private const int Partitions = 2;
    private static readonly (string, string) _smallOnly = ("Streams__MaxRecordBytes", "1024");
    private static readonly DateTime _start = new(2026, 3, 1, 5, 0, 0, DateTimeKind.Utc);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>Clicks 10 seconds apart, far more than a window's grace altogether: every fourth is large, and the last is not.</summary>
    private static IReadOnlyList<TestMessage> Mixed(int count) =>
    [
        .. Enumerable.Range(0, count).Select(i => TestMessage.Of($"key-{i}", Click(i, isLarge: i % 8 >= 6 && i < count - Partitions), partition: i % Partitions) with
        {
            Headers = [new("trace", [1, 0xFF, (byte)i]), new("none", null)],
        }),
    ];

    private static string Click(int i, bool isLarge) => string.Create(
        CultureInfo.InvariantCulture,
        $"{{\"path\":\"/{i % 5}\",\"status\":{(i % 3 == 0 ? 200 : 503)},\"time\":\"{_start.AddSeconds(10 * i):yyyy-MM-ddTHH:mm:ss}Z\",\"agent\":\"{(isLarge ? new string('x', 2000) : "")}\"}}");

    private static async Task<long> CountAsync(DeadLetterTable letters, DeadLetterStates states) =>
        (await letters.SummarizeAsync(new DeadLetterSelection { States = states })).Count;

    private static Task WaitUntilReplayedAsync(DeadLetterTable letters) =>
        Eventually.Equal(0, () => CountAsync(letters, DeadLetterStates.Requested), Patience.Long, "the number of open requests");

    /// <summary>Has the large ones refused, and all others committed.</summary>
    private static async Task<int> RefuseLargeOnesAsync(Job job, IReadOnlyList<TestMessage> messages)
    {
        await TopicWriter.WriteAsync(job.Kafka.BootstrapServers, job.Clicks, messages);
        await using var node = await job.StartReadyAsync("node", _smallOnly);
        await job.WaitUntilCommittedAsync(messages.Count);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
        var large = messages.Count(m => m.Value!.Length > 1024);
        Assert.Equal(large, (await job.DeadLettersAsync()).Count(l => l.Reason.Contains("MaxRecordBytes", StringComparison.Ordinal)));
        return large;
    }

    [Fact]
    public async Task what_is_replayed_gives_what_would_have_been_and_what_cannot_be_mended_is_dropped()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        List<TestMessage> messages = [.. Mixed(200), TestMessage.Of("junk", "no click", partition: 1)];
        var large = await RefuseLargeOnesAsync(job, messages);
        var junk = new HashSet<(int, long)> { (1, 100) };

        var list = await job.RunAsync("dlq", "list", "--limit", "1");
        Assert.Equal(0, list.ExitCode);
        Assert.Contains($"{large + 1} dead letters, of which 1 are listed (--limit):", list.Output, StringComparison.Ordinal);
        var raw = await job.RunAsync("dlq", "show", $"{job.Clicks}-1@100", "--raw", "value");
        Assert.Equal((0, "no click"), raw);

        await using var node = await job.StartReadyAsync("node");
        var replay = await job.RunAsync("dlq", "replay", "--reason", "MaxRecordBytes");
        Assert.Equal((0, $"{large} dead letters to be replayed.\n{large} went through, 0 failed again."), replay);
        await Exactly.AllAsync(job, junk);
        Assert.Equal(large, await node.MetricAsync("streams_dead_letters_replayed_total"));
        var sent = (await job.ReadAsync(job.Errors)).Where(r => r.Value!.Length > 1024).ToList();
        Assert.NotEmpty(sent);
        Assert.All(sent, r => Assert.Equal(
            ["trace=01FF" + int.Parse(r.KeyText![4..], CultureInfo.InvariantCulture).ToString("X2", CultureInfo.InvariantCulture), "none=", "origin"],
            r.Headers.Select(h => h.Key == "origin" ? h.Key : $"{h.Key}={Convert.ToHexString(h.Value ?? [])}")));

        var again = await job.RunAsync("dlq", "replay", $"{job.Clicks}-1@100");
        Assert.Equal(1, again.ExitCode);
        Assert.StartsWith("1 dead letter to be replayed.\n0 went through, 1 failed again.\n        1  ", again.Output, StringComparison.Ordinal);
        var shown = await job.RunAsync("dlq", "show", $"{job.Clicks}-1@100");
        Assert.Contains("  failed      2 x", shown.Output, StringComparison.Ordinal);
        Assert.Equal((0, "1 dead letter dropped."), await job.RunAsync("dlq", "drop", "--all", "--yes"));
        Assert.Equal((0, $"{large} dead letters dropped."), await job.RunAsync("dlq", "drop", "--all", "--replayed", "--yes"));
        Assert.Equal((0, "0 dead letters."), await job.RunAsync("dlq", "list", "--replayed"));

        // A replay moves no offset: nothing is read twice after a restart.
        Assert.Equal(0, await node.StopAsync(Patience.Short));
        await using var last = await job.StartReadyAsync("node");
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, [.. Mixed(2)]);
        await job.WaitUntilCommittedAsync(messages.Count + 2);
        await Exactly.AllAsync(job, junk);
    }

    [Fact]
    public async Task a_crash_between_the_two_commits_of_a_replay_sends_nothing_twice()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka forgets the offsets of transactions, which say what is sent already.");
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        await using var letters = job.OpenDeadLetters();
        var messages = Mixed(60);
        var large = await RefuseLargeOnesAsync(job, messages);

        // Kafka commits before PostgreSQL does, and PostgreSQL's COMMIT is made to take long: so the node is killed between the two.
        await job.ExecuteAsync(
            $"""
            CREATE FUNCTION "{job.Application}".linger() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(20); RETURN NULL; END';
            CREATE CONSTRAINT TRIGGER linger AFTER UPDATE ON "{job.Application}".dead_letters DEFERRABLE INITIALLY DEFERRED
                FOR EACH ROW WHEN (NEW.replayed_at IS NOT NULL) EXECUTE FUNCTION "{job.Application}".linger()
            """);
        // The requests are there before the node, and a commit waits long: one cycle has them all.
        job.Settings["Streams__CommitInterval"] = "00:00:02";
        await letters.RequestReplayAsync(new DeadLetterSelection(), Cancel);
        await using (var node = await job.StartReadyAsync("node"))
        {
            await Eventually.True(() => job.AskAsync(Lingering("count(*) > 0")), Patience.Short, "a node is in its COMMIT");
            await node.KillAsync();
        }

        await job.ExecuteAsync(Lingering("pg_terminate_backend(pid)"));
        await Eventually.True(() => job.AskAsync(Lingering("count(*) = 0")), Patience.Short, "the transaction is rolled back");
        await job.ExecuteAsync($"DROP TRIGGER linger ON \"{job.Application}\".dead_letters");
        var errors = Recount.Of(await job.ReadAsync(job.Clicks)).ErrorRecords.Count;
        Assert.Equal(errors, (await job.ReadAsync(job.Errors)).Count);
        Assert.Equal(large, await CountAsync(letters, DeadLetterStates.Requested));

        await using var next = await job.StartReadyAsync("node");
        await WaitUntilReplayedAsync(letters);
        Assert.Equal(large, await CountAsync(letters, DeadLetterStates.Replayed));
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(errors, (await job.ReadAsync(job.Errors)).Count);
    }

    [Fact]
    public async Task a_replay_that_postgres_refuses_fails_alone_and_may_be_tried_again()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        var messages = Mixed(80);
        var large = await RefuseLargeOnesAsync(job, messages);
        var refused = messages.Count(m => m.Value!.Length > 1024 && Encoding.UTF8.GetString(m.Value).StartsWith("{\"path\":\"/2\",\"status\":503", StringComparison.Ordinal));
        Assert.InRange(refused, 2, large - 2);
        await job.ExecuteAsync($"ALTER TABLE \"{job.Application}\".errors ADD CONSTRAINT no_two CHECK (path <> '/2') NOT VALID");

        await using var node = await job.StartReadyAsync("node");
        var replay = await job.RunAsync("dlq", "replay", "--all");
        Assert.Equal(1, replay.ExitCode);
        Assert.StartsWith($"{large} dead letters to be replayed.\n{large - refused} went through, {refused} failed again.\n", replay.Output, StringComparison.Ordinal);
        Assert.Contains("constraint \"no_two\"", replay.Output, StringComparison.Ordinal);

        // The others go together until the next one is refused: each is announced once.
        Assert.Equal(refused, node.CountLines("each is repeated in a cycle of its own"));

        await job.ExecuteAsync($"ALTER TABLE \"{job.Application}\".errors DROP CONSTRAINT no_two");
        replay = await job.RunAsync("dlq", "replay", "--reason", "no_two");
        Assert.Equal((0, $"{refused} dead letters to be replayed.\n{refused} went through, 0 failed again."), replay);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task nodes_killed_while_they_replay_replay_everything_exactly_once()
    {
        const int Rounds = 4;
        var random = new Random();
        await using var job = await Job.CreateAsync(kafka, postgres, Partitions);
        await using var letters = job.OpenDeadLetters();
        var messages = Mixed(400);
        var large = await RefuseLargeOnesAsync(job, messages);
        await using var feed = new Feed(job, new TestClicks(random.Next(), Partitions), perSecond: 200);
        var positions = (await letters.ListAsync(new DeadLetterSelection(), large, Cancel)).Select(l => l.Position).ToArray();
        foreach (var some in positions.Chunk((large + Rounds - 1) / Rounds))
        {
            await using var node = await job.StartReadyAsync("node");
            await letters.RequestReplayAsync(new DeadLetterSelection { Positions = some }, Cancel);
            await Task.Delay(random.Next(1_800), Cancel);
            await node.KillAsync();
        }

        var written = await feed.StopAsync();
        await using var last = await job.StartReadyAsync("node");
        await WaitUntilReplayedAsync(letters);
        await job.WaitUntilCommittedAsync(messages.Count + written);
        Assert.Equal(large, await CountAsync(letters, DeadLetterStates.Replayed));
        await Exactly.AllAfterCrashesAsync(job);
    }

    private static string Lingering(string what) =>
        $"SELECT {what} FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND application_name LIKE 'streams/%' AND datname = current_database()";
}
