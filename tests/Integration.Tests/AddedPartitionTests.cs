using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

public sealed class AddedPartitionTests(TestKafka kafka, TestPostgres postgres)
{
    [Fact]
    public async Task records_of_added_partitions_count_from_the_first_one_on()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka cannot add partitions to a topic.");
        await using var job = await Job.CreateAsync(kafka, postgres, partitions: 2);
        job.Settings["Kafka__Common__topic_metadata_refresh_interval_ms"] = "2000";
        var node = await job.StartReadyAsync("node");
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, new TestClicks(1, 2).Take(500));
        await job.WaitUntilCommittedAsync(500);

        // While it stands still, the node can notice nothing: these records are there before it does.
        node.Signal(ProcessSignal.Stop);
        using (var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.BootstrapServers }).Build())
        {
            await admin.CreatePartitionsAsync([new PartitionsSpecification { Topic = job.Clicks, IncreaseTo = 4 }]);
        }

        await Eventually.Equal(4, () => Task.FromResult(PartitionsOf(job.Clicks)), Patience.Short, "the number of the input's partitions");
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, new TestClicks(2, 4).Take(1_000));
        Assert.DoesNotContain(node.Lines, l => l.Contains($"{job.Clicks}-3", StringComparison.Ordinal));
        node.Signal(ProcessSignal.Continue);

        await node.WaitForLineAsync($"Took over {job.Clicks}-3 from offset the beginning");
        await job.WaitUntilCommittedAsync(1_500);
        await Exactly.AllAsync(job);
        Assert.Equal([2, 2], [PartitionsOf(job.Errors), PartitionsOf(job.Counts)]);
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private int PartitionsOf(string topic)
    {
        using var admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.BootstrapServers }).Build();
        return admin.GetMetadata(topic, Patience.Short).Topics.Single().Partitions.Count;
    }
}
