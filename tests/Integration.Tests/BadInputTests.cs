using System.Text;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Records that are no clicks, or none that a table could hold, among good ones.</summary>
public sealed class BadInputTests(TestKafka kafka, TestPostgres postgres)
{
    private const string Minute = "2026-03-01T08:00";

    [Fact]
    public async Task each_bad_record_is_one_dead_letter_and_good_ones_all_count()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 2);
        await using var node = await job.StartReadyAsync();
        var messages = new List<TestMessage>();
        var bad = new HashSet<(int, long)>();
        var offsets = new long[2];
        foreach (var (value, isBad) in Mixed())
        {
            var partition = messages.Count % 2;
            if (isBad)
            {
                bad.Add((partition, offsets[partition]));
            }

            offsets[partition]++;
            messages.Add(new TestMessage(Encoding.UTF8.GetBytes($"key-{messages.Count}"), value, Partition: partition));
        }

        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, messages);
        await job.WaitUntilCommittedAsync(messages.Count);

        var input = await job.ReadAsync(job.Clicks);
        var letters = await job.DeadLettersAsync();
        Exactly.Same(
            input.Where(r => bad.Contains((r.Partition, r.Offset))).Select(r => (r.Topic, r.Partition, r.Offset, Hex(r.Key), Hex(r.Value))),
            letters.Select(l => (l.Topic, l.Partition, l.Offset, Hex(l.Key), Hex(l.Value))),
            "dead letters");
        Assert.All(letters, letter => Assert.NotEmpty(letter.Reason));
        await Exactly.AllAsync(job, bad);
        Assert.Equal(bad.Count, await node.MetricAsync("streams_dead_letters_total"));
        Assert.Equal(messages.Count, await node.MetricAsync("streams_records_total"));
        await node.WaitUntilReadyAsync();
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task a_record_with_huge_headers_stops_nothing()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 1);
        await using var node = await job.StartReadyAsync();
        var headers = new byte[1_500_000];
        new Random(1).NextBytes(headers);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks,
        [
            TestMessage.Of("before", Click(500, "/before")),
            TestMessage.Of("large", Click(500, "/large")) with { Headers = [new("trace", headers)] },
            TestMessage.Of("after", Click(500, "/after")),
        ]);
        await job.WaitUntilCommittedAsync(3);
        Assert.Equal([1L], (await job.DeadLettersAsync()).Select(l => l.Offset));
        await Exactly.AllAsync(job, new HashSet<(int, long)> { (0, 1) });
    }

    [Fact]
    public async Task what_is_skipped_is_counted_and_logged_and_leaves_no_row()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 1);
        await using var node = await job.StartReadyAsync(null, ("Streams__OnError", "Skip"));
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks,
        [
            TestMessage.Of("before", Click(500, "/before")),
            TestMessage.Of("bad", "not json"),
            TestMessage.Of("after", Click(500, "/after")),
        ]);
        await job.WaitUntilCommittedAsync(3);
        await Eventually.True(async () => await node.MetricAsync("streams_records_skipped_total") == 1, Patience.Short, "the skipped record is counted");
        Assert.Equal(0, await node.MetricAsync("streams_dead_letters_total"));
        Assert.Equal(1, node.CountLines($"Skipped 1 records that could not be processed, the last of them {job.Clicks}-0@1: "));
        Assert.Empty(await job.DeadLettersAsync());
    }

    /// <summary>Bad records, each between good ones.</summary>
    private static IEnumerable<(byte[]? Value, bool IsBad)> Mixed()
    {
        var good = 0;
        foreach (var value in Bad())
        {
            yield return (Encoding.UTF8.GetBytes(Click(good % 2 == 0 ? 500 : 200, $"/good/{good % 3}")), false);
            good++;
            yield return (value, true);
        }

        foreach (var value in Unusual())
        {
            yield return (Encoding.UTF8.GetBytes(value), false);
        }
    }

    private static IEnumerable<byte[]?> Bad()
    {
        yield return null;
        yield return [];
        yield return [.. Encoding.UTF8.GetBytes("{\"path\":\"/caf"), 0xE9, .. Encoding.UTF8.GetBytes("\",\"status\":500}")];
        yield return [0xFF, 0xFE, 0x00];
        string[] texts =
        [
            "{\"path\":\"/cut\",\"status\":50",
            "not json",
            "[]",
            "null",
            "500",
            "{}",
            "{\"path\":\"/a\"}",
            "{\"status\":500}",
            "{\"path\":7,\"status\":500}",
            "{\"path\":\"/a\",\"status\":\"500\"}",
            "{\"path\":\"/a\",\"status\":\"broken\"}",
            "{\"path\":\"/a\",\"status\":500.5}",
            "{\"path\":\"/a\",\"status\":99999999999}",
            "{\"path\":\"/a\",\"status\":null}",
            "{\"path\":\"/a\",\"status\":500} trailing",
            "{\"path\":\"/nul\\u0000\",\"status\":500}",
            "{\"path\":\"/nul\\u0000\",\"status\":200}",
            "{\"path\":\"/agent\",\"status\":500,\"agent\":\"a\\u0000b\"}",
            "{\"path\":\"/half\\ud800\",\"status\":500}",
            "{\"path\":\"/half\",\"status\":500,\"agent\":\"\\udc00\"}",
            "{\"path\":\"/a\",\"status\":500,\"user_id\":\"me\"}",
            "{\"path\":\"/a\",\"status\":500,\"time\":\"yesterday\"}",
            "{\"path\":\"/a\",\"status\":500,\"time\":\"0001-01-01T00:00:00Z\"}",
            "{\"path\":\"/a\",\"status\":500,\"time\":\"9999-12-31T23:59:59.999Z\"}",
            "{\"path\":\"/a\",\"status\":200,\"time\":\"9999-12-31T23:59:59.999Z\"}",
            "{\"path\":\"/a\",\"status\":500,\"time\":-62135596800000}",
            "{\"path\":\"/a\",\"status\":500,\"n\":1e200000}",
            Click(500, LongPath(3000)),
            Click(200, "/large", new string('x', 2_000_000)),
        ];
        foreach (var text in texts)
        {
            yield return Encoding.UTF8.GetBytes(text);
        }
    }

    /// <summary>What looks odd and is good.</summary>
    private static IEnumerable<string> Unusual()
    {
        yield return Click(200, LongPath(3000));
        yield return Click(500, LongPath(2000));
        yield return Click(500, "");
        yield return Click(500, "/\\ud83d\\ude00");
        yield return Click(500, "/'; DROP TABLE errors; --");
        yield return Click(-1, "/negative");
        yield return Click(int.MaxValue, "/largest");
        yield return "{\"path\":\"/agent\",\"status\":200,\"agent\":\"a\\u0000b\"}".Replace("\\u0000", " ", StringComparison.Ordinal);
        yield return Click(500, "/large", new string('x', 900_000));
    }

    private static string Click(int status, string path, string? agent = null) =>
        $"{{\"path\":\"{path}\",\"status\":{status},\"time\":\"{Minute}:30.000Z\"{(agent is null ? "" : $",\"agent\":\"{agent}\"")}}}";

    /// <summary>One that no index could store compressed.</summary>
    private static string LongPath(int length)
    {
        var random = new Random(length);
        return string.Concat(Enumerable.Range(0, length).Select(i => i == 0 ? '/' : (char)('a' + random.Next(26))));
    }

    private static string? Hex(byte[]? bytes) => bytes is null ? null : Convert.ToHexString(bytes);
}
