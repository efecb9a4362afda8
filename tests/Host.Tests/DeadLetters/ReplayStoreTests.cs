using Streams.Hosting.DeadLetters;
using Streams.Hosting.Runtime;
using Streams.Hosting.Tests.Postgres;
using Streams.Processors;
using Streams.Processors.Testing;
using TestKit;

namespace Streams.Hosting.Tests.DeadLetters;

/// <summary>What the state store does about requests to replay.</summary>
public sealed class ReplayStoreTests(TestPostgres postgres)
{
    private static readonly DeadLetterSelection Everything = new();

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static async Task<IReadOnlyList<ReplayRecord>> FindAsync(Letters letters, Worker worker, long after = 0) =>
        await letters.Store.Store.FindReplaysAsync([(worker.Partition, after)], Cancel);

    /// <summary>Two dead letters that would go through, requested, and the worker that owns them.</summary>
    private async Task<(Letters Letters, Worker Worker)> RequestedAsync(params string[] values)
    {
        var letters = await Letters.StartAsync(postgres);
        var worker = new Worker(Clicks.Topology());
        await letters.Store.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Clicks.Json("/ok", 200));
        await letters.Store.CommitAsync(worker);
        for (var i = 0; i < values.Length; i++)
        {
            await letters.AddAsync(0, 100 + i, value: values[i]);
        }

        Assert.Equal(values.Length, (await letters.Table.RequestReplayAsync(Everything, Cancel)).Count);
        return (letters, worker);
    }

    [Fact]
    public async Task a_dead_letter_comes_back_as_the_record_that_it_was()
    {
        await using var letters = await Letters.StartAsync(postgres);
        using var worker = new Worker(Clicks.Topology());
        await letters.Store.AcquireAsync(worker);
        KeyValuePair<string, byte[]?>[] headers = [new("trace", "a\"b"u8.ToArray()), new("bytes", [0, 255]), new("none", null), new("empty", []), new("trace", "twice"u8.ToArray())];
        worker.Feed(
            new LogRecord(7, "key"u8.ToArray(), "{}x"u8.ToArray(), 1_767_225_600_123, headers),
            new LogRecord(8, null, System.Text.Encoding.UTF8.GetBytes(Clicks.Json("/a", 200)), 1_767_225_601_000, []),
            new LogRecord(9, null, null, 1_767_225_602_000, []));
        await letters.Store.CommitAsync(worker);
        await letters.Table.RequestReplayAsync(Everything, Cancel);

        var found = await FindAsync(letters, worker);
        Assert.Equal([(7L, 1L), (9L, 2L)], found.Select(r => (r.Offset(0), r.Number)));
        var (first, second) = (found[0], found[1]);
        Assert.Equal("key"u8.ToArray(), first.RawKey);
        Assert.Equal("{}x"u8.ToArray(), first.RawValue);
        Assert.Equal(1_767_225_600_123, first.KafkaTimeMs);
        Assert.Equal(headers.Select(h => h.Key), first.Headers.Select(h => h.Key));
        Assert.Equal(headers.Select(h => h.Value), first.Headers.Select(h => h.Value));
        Assert.Null(first.StreamTime);
        Assert.Equal((null, null), (second.RawKey, second.RawValue));
        Assert.Empty(second.Headers);
        Assert.Equal(DateTime.UnixEpoch.AddMilliseconds(1_767_225_601_000), second.StreamTime);
    }

    [Fact]
    public async Task requests_come_by_partition_and_above_a_number()
    {
        var (letters, worker) = await RequestedAsync(Clicks.Json("/a", 500), Clicks.Json("/b", 500), Clicks.Json("/c", 500));
        await using var _ = letters;
        using var __ = worker;
        Assert.Equal([100L, 101L, 102L], (await FindAsync(letters, worker)).Select(r => r.Offset(0)));
        Assert.Equal([102L], (await FindAsync(letters, worker, after: 2)).Select(r => r.Offset(0)));
        Assert.Empty(await FindAsync(letters, worker, after: 3));
        Assert.Empty(await letters.Store.Store.FindReplaysAsync([(new TopicPartition("clickstream", 1), 0)], Cancel));
    }

    [Fact]
    public async Task one_look_brings_no_more_than_memory_takes_but_always_one()
    {
        await using var letters = await Letters.StartAsync(postgres);
        using var worker = new Worker(Clicks.Topology());
        await letters.Store.AcquireAsync(worker);
        await letters.Store.ExecuteAsync(
            """
            INSERT INTO clickstream.dead_letters (topic, partition, "offset", node, reason, value)
            SELECT 'clickstream', 0, n, 'SOURCE', 'too large', decode(repeat('00', mb * 1024 * 1024), 'hex') FROM (VALUES (1, 9), (2, 5), (3, 2), (4, 3)) AS m (n, mb)
            """);
        await letters.Table.RequestReplayAsync(Everything, Cancel);
        Assert.Equal([1L], (await FindAsync(letters, worker)).Select(r => r.Number));
        Assert.Equal([2L, 3L], (await FindAsync(letters, worker, after: 1)).Select(r => r.Number));
        Assert.Equal([4L], (await FindAsync(letters, worker, after: 3)).Select(r => r.Number));
    }

    [Fact]
    public async Task a_replay_and_its_mark_are_one_transaction()
    {
        var (letters, worker) = await RequestedAsync(Clicks.Json("/a", 500), Clicks.Json("/a", 503));
        await using var _ = letters;
        using var __ = worker;
        worker.Replay(await FindAsync(letters, worker));
        var commit = worker.Take();
        await using (await letters.Store.Store.WriteAsync([commit], Cancel))
        {
            // Not committed: rolled back.
        }

        Assert.Equal(["(0,100,1,t,f,\"too large\",stack)", "(0,101,1,t,f,\"too large\",stack)"], await letters.RowsAsync());
        Assert.Empty(await letters.Store.RowsAsync("SELECT * FROM clickstream.error_counts"));
        await using (var transaction = await letters.Store.Store.WriteAsync([commit], Cancel))
        {
            await transaction.CommitAsync(Cancel);
        }

        Assert.Equal(["(0,100,1,f,t,\"too large\",stack)", "(0,101,1,f,t,\"too large\",stack)"], await letters.RowsAsync());
        Assert.Equal(["(100,/a,500)", "(101,/a,503)"], await letters.Store.RowsAsync("SELECT \"offset\", path, status FROM clickstream.errors ORDER BY 1"));
        Assert.Equal(["(1)"], await letters.Store.RowsAsync("SELECT next_offset FROM clickstream.partitions"));
        Assert.Empty(await FindAsync(letters, worker));
    }

    [Fact]
    public async Task what_fails_again_counts_the_attempt_and_says_why_now()
    {
        var (letters, worker) = await RequestedAsync("{}", Clicks.Json("/a", 500));
        await using var _ = letters;
        using var __ = worker;
        await letters.Store.ExecuteAsync("UPDATE clickstream.dead_letters SET value = NULL WHERE \"offset\" = 100");
        worker.Replay(await FindAsync(letters, worker));
        await letters.Store.CommitAsync(worker);
        Assert.Equal(["(0,100,2,f,f,\"The value is null.\",)", "(0,101,1,f,t,\"too large\",stack)"], await letters.RowsAsync());

        var again = await letters.Table.RequestReplayAsync(Everything, Cancel);
        Assert.Equal([new ReplayRange("clickstream", 0, 3, 3)], again.Ranges);
    }

    [Fact]
    public async Task a_fenced_task_replays_nothing()
    {
        var (letters, worker) = await RequestedAsync(Clicks.Json("/a", 500));
        await using var _ = letters;
        using var __ = worker;
        worker.Replay(await FindAsync(letters, worker));
        await letters.Store.Store.AcquireAsync([worker.Partition], Cancel);
        await Assert.ThrowsAsync<FencedException>(() => letters.Store.CommitAsync(worker));
        Assert.Equal(["(0,100,1,t,f,\"too large\",stack)"], await letters.RowsAsync());
        Assert.Empty(await letters.Store.RowsAsync("SELECT * FROM clickstream.errors"));
    }

    [Fact]
    public async Task whether_a_commit_that_moved_no_offset_took_place_is_told_by_its_replays()
    {
        var (letters, worker) = await RequestedAsync(Clicks.Json("/a", 500), "{}");
        await using var _ = letters;
        using var __ = worker;
        worker.Replay(await FindAsync(letters, worker));
        var commit = worker.Take();
        Assert.False(await letters.Store.Store.IsCommittedAsync([commit], Cancel));
        await using (var transaction = await letters.Store.Store.WriteAsync([commit], Cancel))
        {
            await transaction.CommitAsync(Cancel);
        }

        Assert.True(await letters.Store.Store.IsCommittedAsync([commit], Cancel));

        // A later request of the same dead letter has another number, and says nothing about this commit.
        await letters.Table.RequestReplayAsync(Everything, Cancel);
        Assert.True(await letters.Store.Store.IsCommittedAsync([commit], Cancel));
    }

    [Fact]
    public async Task a_request_that_somebody_took_back_by_hand_meanwhile_is_marked_all_the_same()
    {
        var (letters, worker) = await RequestedAsync(Clicks.Json("/a", 500));
        await using var _ = letters;
        using var __ = worker;
        worker.Replay(await FindAsync(letters, worker));
        await letters.Store.ExecuteAsync("UPDATE clickstream.dead_letters SET requested_at = NULL");
        await letters.Store.CommitAsync(worker);
        Assert.Equal(["(0,100,1,f,t,\"too large\",stack)"], await letters.RowsAsync());
        Assert.Equal(0, (await letters.Table.RequestReplayAsync(Everything, Cancel)).Count);
    }
}
