using System.Globalization;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Rows that only PostgreSQL knows to refuse, for a constraint that somebody added.</summary>
public sealed class PoisonTests(TestKafka kafka, TestPostgres postgres)
{
    private const int Clicks = 6000;
    private static readonly int[] _poison = [0, 1234, 1235, 4999];

    [Fact]
    public async Task only_the_records_that_postgres_refuses_become_dead_letters()
    {
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 2);
        job.Settings["Streams__CommitInterval"] = "00:00:01";
        await using (var first = await job.StartReadyAsync("node-1"))
        {
            await job.ExecuteAsync($"""ALTER TABLE "{job.Application}".errors ADD CONSTRAINT no_poison CHECK (path NOT LIKE '/poison%')""");
            Assert.Equal(0, await first.StopAsync(Patience.Short));
        }

        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, Enumerable.Range(0, Clicks).Select(Message));
        await using var node = await job.StartReadyAsync("node-1");
        await job.WaitUntilCommittedAsync(Clicks);

        var input = await job.ReadAsync(job.Clicks);
        var bad = input.Where(r => r.KeyText!.StartsWith("poison", StringComparison.Ordinal)).Select(r => (r.Partition, r.Offset)).ToHashSet();
        Assert.Equal(_poison.Length, bad.Count);
        var letters = await job.DeadLettersAsync();
        Exactly.Same(bad, letters.Select(l => (l.Partition, l.Offset)), "dead letters");
        Assert.All(letters, letter => Assert.Contains("constraint \"no_poison\"", letter.Reason, StringComparison.Ordinal));
        await Exactly.AllAfterCrashesAsync(job, bad);
        Assert.NotEqual(0, node.CountLines("they are repeated in smaller cycles"));
        await node.WaitUntilReadyAsync();
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static TestMessage Message(int number)
    {
        var path = _poison.Contains(number) ? "/poison" : string.Create(CultureInfo.InvariantCulture, $"/page/{number % 7}");
        var time = DateTime.UnixEpoch.AddYears(56).AddMilliseconds(20 * number);
        return TestMessage.Of(
            string.Create(CultureInfo.InvariantCulture, $"{(_poison.Contains(number) ? "poison" : "key")}-{number}"),
            string.Create(CultureInfo.InvariantCulture, $$"""{"path": "{{path}}", "status": {{(number % 3 == 0 || path == "/poison" ? 503 : 200)}}, "time": "{{time:O}}"}"""))
            with { Partition = number % 2 };
    }
}
