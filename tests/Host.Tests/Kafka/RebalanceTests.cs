using System.Diagnostics;
using Confluent.Kafka;
using Streams.Hosting.Kafka;
using TestKit;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Tests.Kafka;

public sealed class RebalanceTests(TestKafka kafka)
{
    [Fact]
    public async Task a_partition_that_was_paused_when_it_was_taken_away_is_read_when_it_comes_back()
    {
        var topic = await kafka.NewTopicAsync(2);
        var settings = kafka.Settings(("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500"));
        var group = TestKafka.UniqueName("group");
        using var first = new Reader(settings, group, topic);
        first.PollUntil(() => first.Owned.Count == 2, "all partitions");
        first.Consumer.Pause([new TopicPartition(topic, 0), new TopicPartition(topic, 1)]);

        var second = new Reader(settings, group, topic);
        PollUntil(first, second, () => first.Owned.Count == 1 && second.Owned.Count == 1);
        var moved = second.Owned.Single();
        second.Dispose();
        first.PollUntil(() => first.Owned.Count == 2, "everything back");

        await TopicWriter.WriteAsync(
            kafka.BootstrapServers, topic, Enumerable.Range(0, 20).Select(i => TestMessage.Of($"key-{i}", $"value-{i}") with { Partition = i % 2 }));
        first.ReadCount(10);
        first.PollFor(TimeSpan.FromMilliseconds(500));
        Assert.Equal([moved], first.Records.Select(r => r.Partition).Distinct());
        Assert.Equal(10, first.Records.Count);
    }

    [Theory]
    [InlineData("cooperative-sticky")]
    [InlineData("range")]
    public async Task partitions_move_to_a_second_member_and_back_without_loss(string strategy)
    {
        const int Partitions = 4;
        var topic = await kafka.NewTopicAsync(Partitions);
        var settings = kafka.Settings(("partition.assignment.strategy", strategy), ("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500"));
        var group = TestKafka.UniqueName("group");
        var next = new Dictionary<TopicPartition, long>();
        using var stop = new CancellationTokenSource();
        var writing = KeepWritingAsync(topic, Partitions, stop.Token);

        using var first = new Reader(settings, group, topic);
        first.PollUntil(() => first.Owned.Count == Partitions && first.Records.Count > 100, "all partitions");

        // Each reader goes on where the last owner stopped, as offsets in a database would have it.
        void HandOver(Reader from, Reader to)
        {
            foreach (var record in from.Records)
            {
                next[record.Partition] = record.Offset + 1;
                to.StartAt(record.Partition, record.Offset + 1);
            }
        }

        var second = new Reader(settings, group, topic);
        first.OnRevoked = () => HandOver(first, second);
        PollUntil(first, second, () => first.Owned.Count == 2 && second.Owned.Count == 2 && second.Records.Count > 100);
        Assert.Empty(first.Owned.Intersect(second.Owned));
        if (strategy == "cooperative-sticky")
        {
            // The two that stay are never taken away.
            Assert.All(first.Events, e => Assert.True(e is "+0+1+2+3" or "+" || e.Count(c => c == '-') == 2, e));
        }

        second.OnRevoked = () => HandOver(second, first);
        first.OnRevoked = null;
        second.Dispose();
        var before = first.Records.Count;
        first.PollUntil(() => first.Owned.Count == Partitions && first.Records.Count > before + 200, "everything back");
        await stop.CancelAsync();
        var written = await writing;
        first.PollUntil(() => first.Records.Concat(second.Records).Select(r => (r.Partition, r.Offset)).Distinct().Count() >= written, "the rest");

        foreach (var partition in Enumerable.Range(0, Partitions).Select(p => new TopicPartition(topic, p)))
        {
            var mine = first.Records.Where(r => r.Partition == partition).Select(r => r.Offset).ToList();
            var theirs = second.Records.Where(r => r.Partition == partition).Select(r => r.Offset).ToList();
            if (strategy == "cooperative-sticky")
            {
                Assert.Equal(mine.Order(), mine);
                Assert.Empty(mine.Intersect(theirs));
            }

            Assert.Equal(theirs.Order(), theirs);
            var all = mine.Concat(theirs).Distinct().Order().ToList();
            Assert.Equal(Enumerable.Range(0, all.Count).Select(i => (long)i), all);
        }

        Assert.Empty(first.Failures);
    }

    [Fact]
    public async Task a_consumer_that_does_not_poll_loses_its_partitions_and_hears_of_it()
    {
        Assert.SkipUnless(kafka.IsReal, "the time limits of the mock cluster's groups are fixed");
        var topic = await kafka.NewTopicAsync(1);
        var settings = kafka.Settings(("max.poll.interval.ms", "6000"), ("session.timeout.ms", "6000"), ("heartbeat.interval.ms", "500"));
        using var reader = new Reader(settings, TestKafka.UniqueName("group"), topic);
        reader.PollUntil(() => reader.Owned.Count == 1, "the assignment");
        await Task.Delay(TimeSpan.FromSeconds(7), TestContext.Current.CancellationToken);
        reader.PollUntil(() => reader.Events.Count >= 3, "loss and reassignment");
        Assert.Equal(["+0", "!0", "+0"], reader.Events);
        Assert.Equal(KafkaFailureKind.MaxPollExceeded, Assert.Single(reader.Failures).Kind);
    }

    private static void PollUntil(Reader first, Reader second, Func<bool> condition)
    {
        var started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(
                Stopwatch.GetElapsedTime(started) < Reader.Patience,
                $"first: {string.Join(", ", first.Events)}; second: {string.Join(", ", second.Events)}");
            first.Poll(20);
            second.Poll(20);
        }
    }

    private async Task<int> KeepWritingAsync(string topic, int partitions, CancellationToken stop)
    {
        using var producer = new ProducerBuilder<Null, string>(new ProducerConfig { BootstrapServers = kafka.BootstrapServers, LingerMs = 1 }).Build();
        var count = 0;
        while (!stop.IsCancellationRequested)
        {
            for (var i = 0; i < 20; i++)
            {
                await producer.ProduceAsync(
                    new Confluent.Kafka.TopicPartition(topic, count++ % partitions), new() { Value = $"{count}" }, CancellationToken.None);
            }

            await Task.Delay(10, CancellationToken.None);
        }

        return count;
    }
}
