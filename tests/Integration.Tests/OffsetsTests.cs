using System.Globalization;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Offsets that the topic does not have any more: the partition stands still until a person says where it goes on.</summary>
public sealed class OffsetsTests(TestKafka kafka, TestPostgres postgres)
{
    [Fact]
    public async Task a_partition_whose_records_were_deleted_unread_waits_for_a_decision_and_the_others_go_on()
    {
        Assert.SkipUnless(kafka.IsReal, "the embedded Kafka deletes no records");
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 2);
        await using (var first = await job.StartReadyAsync())
        {
            await WriteAsync(job, 0, 200);
            await job.WaitUntilCommittedAsync(200);
            Assert.Equal(0, await first.StopAsync(Patience.Short));
        }

        await WriteAsync(job, 200, 100);
        var all = await job.ReadAsync(job.Clicks);
        await kafka.DeleteRecordsAsync(job.Clicks, 1, before: 130);

        await using var node = await job.StartReadyAsync();
        await job.WaitUntilCommittedAsync(150 + 100);
        var reason = $"{job.Clicks}-1 stands still: it is to go on at offset 100, and the topic has 130 to 149. "
            + "The 30 offsets from 100 to 129 are lost: retention or somebody deleted them before they were read. "
            + $"Nothing is skipped silently, and the other partitions go on; the command \"offsets reset {job.Clicks}-1 --to earliest\" (or latest, or an offset) says where this one shall.";
        await node.WaitUntilNotReadyAsync(reason);
        Assert.Equal(1, node.CountLines("crit"));
        Assert.Contains("30 lost", (await job.RunAsync("offsets")).Output, StringComparison.Ordinal);

        var (denied, answer) = await job.RunAsync("offsets", "reset", $"{job.Clicks}-1", "--to", "120", "--yes");
        Assert.Equal((1, $"{job.Clicks}-1 cannot go on at 120: the topic has 130 to 149, and its next record will be 150."), (denied, answer));
        var (done, text) = await job.RunAsync("offsets", "reset", $"{job.Clicks}-1", "--to", "earliest", "--yes");
        Assert.True(done == 0, text);
        Assert.Contains("30 records are lost", text, StringComparison.Ordinal);

        await job.WaitUntilCommittedAsync(300);
        await node.WaitUntilReadyAsync();
        await WriteAsync(job, 300, 20);
        await job.WaitUntilCommittedAsync(320);
        var there = all.Where(r => r.Partition == 0 || r.Offset is < 100 or >= 130)
            .Concat((await job.ReadAsync(job.Clicks)).Where(r => r.Offset >= 150));
        var recount = Recount.Of(there);
        await Exactly.TablesAsync(job, recount);
        await Exactly.ErrorsTopicAsync(job, recount, onceOnly: true);
        await Exactly.CountsTopicAsync(job, recount);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task a_topic_made_anew_is_read_from_its_beginning_once_somebody_says_so()
    {
        Assert.SkipUnless(kafka.IsReal, "the embedded Kafka deletes no topics");
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 1);
        await using (var first = await job.StartReadyAsync())
        {
            await WriteAsync(job, 0, 100, partitions: 1);
            await job.WaitUntilCommittedAsync(100);
            Assert.Equal(0, await first.StopAsync(Patience.Short));
        }

        var before = await job.ReadAsync(job.Errors);
        await kafka.DeleteTopicAsync(job.Clicks);
        await Eventually.True(
            async () =>
            {
                await kafka.CreateTopicAsync(job.Clicks, 1);
                return true;
            },
            Patience.Long,
            "the topic is made anew");
        await WriteAsync(job, 1000, 30, partitions: 1);
        await job.ExecuteAsync($"""DELETE FROM "{job.Application}".errors""");

        await using var node = await job.StartReadyAsync();
        await node.WaitUntilNotReadyAsync("The topic ends before that: it was deleted and created again");
        var (done, text) = await job.RunAsync("offsets", "reset", $"{job.Clicks}-0", "--to", "earliest", "--yes");
        Assert.True(done == 0, text);
        await node.WaitUntilReadyAsync();
        await Eventually.Until(() => job.NextOffsetsAsync(), offsets => offsets[0] == 30, Patience.Long, "the new topic is read");

        // Kafka's own offset of the group, 100 or so, was made by the old topic: it must not mute what the new one brings.
        var recount = Recount.Of(await job.ReadAsync(job.Clicks));
        Exactly.Same(recount.Errors, await job.ErrorRowsAsync(), "table errors");
        Assert.Equal(before.Count + recount.Errors.Count, (await job.ReadAsync(job.Errors)).Count);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private Task WriteAsync(Job job, int from, int count, int partitions = 2) => TopicWriter.WriteAsync(
        kafka.BootstrapServers,
        job.Clicks,
        Enumerable.Range(from, count).Select(number => TestMessage.Of(
            string.Create(CultureInfo.InvariantCulture, $"key-{number}"),
            string.Create(
                CultureInfo.InvariantCulture,
                $$"""{"path": "/page/{{number % 7}}", "status": {{(number % 3 == 0 ? 503 : 200)}}, "time": "{{DateTime.UnixEpoch.AddYears(56).AddMilliseconds(20 * number):O}}"}"""))
            with { Partition = number % partitions }));
}
