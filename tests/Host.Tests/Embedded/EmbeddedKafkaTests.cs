using System.Globalization;
using Confluent.Kafka;
using Streams.Hosting.Embedded;
using TestKit;

namespace Streams.Hosting.Tests.Embedded;

public sealed class EmbeddedKafkaTests
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task records_come_back_from_the_partitions_they_were_written_to()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        Assert.True(kafka.CreateTopic("clicks", 4));
        DateTimeOffset time = new(2015, 5, 17, 10, 5, 3, 250, TimeSpan.Zero);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, "clicks", Enumerable.Range(0, 1000).Select(i =>
            TestMessage.Of($"key {i}", $"value {i}", time.AddMilliseconds(i), partition: i % 4) with { Headers = [new("n", [(byte)i])] }));

        IReadOnlyList<TestRecord> read = await TopicReader.ReadToEndAsync(kafka.BootstrapServers, "clicks");

        var expected = from p in Enumerable.Range(0, 4)
                       from o in Enumerable.Range(0, 250)
                       let i = (o * 4) + p
                       select (p, (long)o, $"key {i}", $"value {i}", time.AddMilliseconds(i), (byte)i);
        Assert.Equal(expected, read.Select(r => (r.Partition, r.Offset, r.KeyText!, r.ValueText!, r.Timestamp, r.Headers.Single().Value![0])));
    }

    [Fact]
    public async Task keys_land_where_javas_clients_would_put_them()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("clicks", 4);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, "clicks", [TestMessage.Of("21", "a"), TestMessage.Of("foobar", "b")]);
        IReadOnlyList<TestRecord> read = await TopicReader.ReadToEndAsync(kafka.BootstrapServers, "clicks");
        // toPositive(murmur2(key)) % 4, with murmur2("21") = -973932308 and murmur2("foobar") = -790332482 as Kafka's own UtilsTest has them.
        Assert.Equal([("21", (-973932308 & int.MaxValue) % 4), ("foobar", (-790332482 & int.MaxValue) % 4)],
            read.Select(r => (r.KeyText!, r.Partition)).Order());
    }

    [Fact]
    public async Task a_topic_is_made_once()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        Assert.True(kafka.CreateTopic("clicks", 4));
        Assert.False(kafka.CreateTopic("clicks", 8));
        Assert.Equal(4, PartitionsOf(kafka, "clicks"));
    }

    [Fact]
    public async Task a_topic_that_cannot_be_made_says_so()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        Assert.Throws<ArgumentOutOfRangeException>(() => kafka.CreateTopic("clicks", 0));
        Assert.Throws<ArgumentException>(() => kafka.CreateTopic("", 1));
    }

    [Fact]
    public async Task two_members_of_a_group_share_four_partitions_and_the_second_takes_over_when_the_first_leaves()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("clicks", 4);
        await using var first = new Member(kafka, "clicks");
        await Eventually.Equal(4, () => Task.FromResult(first.Partitions), Patience, "the partitions of the only member");
        await using var second = new Member(kafka, "clicks");
        await Eventually.True(() => first.Partitions == 2 && second.Partitions == 2, Patience, "both members have two partitions");

        await TopicWriter.WriteAsync(kafka.BootstrapServers, "clicks", Enumerable.Range(0, 100).Select(i => TestMessage.Of(null, $"{i}", partition: i % 4)));
        await Eventually.True(() => first.Values.Count + second.Values.Count == 100, Patience, "both together have read all records");
        Assert.Equal(50, first.Values.Count);

        await first.DisposeAsync();
        await Eventually.Equal(4, () => Task.FromResult(second.Partitions), Patience, "the partitions of the member that stays");
        await TopicWriter.WriteAsync(kafka.BootstrapServers, "clicks", Enumerable.Range(100, 40).Select(i => TestMessage.Of(null, $"{i}", partition: i % 4)));
        // What the first had read and not committed, the second reads again.
        await Eventually.Equal(140, () => Task.FromResult(first.Values.Concat(second.Values).Distinct().Count()), Patience, "the number of records read by either");
        Assert.Equal(40, second.Values.Select(v => int.Parse(v, CultureInfo.InvariantCulture)).Where(v => v >= 100).Distinct().Count());
    }

    [Fact]
    public async Task a_committed_transaction_can_be_read()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("errors", 1);
        using IProducer<string, string> producer = new ProducerBuilder<string, string>(
            new ProducerConfig { BootstrapServers = kafka.BootstrapServers, TransactionalId = "node-1" }).Build();
        producer.InitTransactions(Patience);
        producer.BeginTransaction();
        producer.Produce("errors", new Message<string, string> { Value = "committed" });
        producer.CommitTransaction(Patience);
        Assert.Equal(["committed"], (await TopicReader.ReadToEndAsync(kafka.BootstrapServers, "errors")).Select(r => r.ValueText));
    }

    [Fact]
    public async Task what_was_written_is_still_there_after_the_broker_was_down()
    {
        await using EmbeddedKafka kafka = EmbeddedKafka.Start();
        kafka.CreateTopic("clicks", 1);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, "clicks", [TestMessage.Of("k", "before")]);
        kafka.GoDown();
        Task writing = TopicWriter.WriteAsync(kafka.BootstrapServers, "clicks", [TestMessage.Of("k", "meanwhile")]);
        await Task.WhenAny(writing, Task.Delay(TimeSpan.FromMilliseconds(500), Cancel));
        Assert.False(writing.IsCompleted);
        kafka.ComeUp();
        await writing.WaitAsync(Patience, Cancel);
        Assert.Equal(["before", "meanwhile"], (await TopicReader.ReadToEndAsync(kafka.BootstrapServers, "clicks")).Select(r => r.ValueText));
    }

    [Fact]
    public async Task two_clusters_at_once_know_nothing_of_each_other()
    {
        await using EmbeddedKafka one = EmbeddedKafka.Start();
        await using EmbeddedKafka two = EmbeddedKafka.Start();
        one.CreateTopic("clicks", 1);
        Assert.NotEqual(one.BootstrapServers, two.BootstrapServers);
        await TopicWriter.WriteAsync(one.BootstrapServers, "clicks", [TestMessage.Of("k", "v")]);
        Assert.Single(await TopicReader.ReadToEndAsync(one.BootstrapServers, "clicks"));
        Assert.Empty(await TopicReader.ReadToEndAsync(two.BootstrapServers, "clicks"));
    }

    [Fact]
    public async Task after_disposal_nothing_listens_and_calls_are_refused()
    {
        EmbeddedKafka kafka = EmbeddedKafka.Start();
        await kafka.DisposeAsync();
        await kafka.DisposeAsync();
        Assert.True(FreePort.IsFree(int.Parse(kafka.BootstrapServers.Split(':')[1], CultureInfo.InvariantCulture)));
        Assert.Throws<ObjectDisposedException>(() => kafka.CreateTopic("clicks", 1));
    }

    private static int PartitionsOf(EmbeddedKafka kafka, string topic)
    {
        using IAdminClient admin = new AdminClientBuilder(new AdminClientConfig { BootstrapServers = kafka.BootstrapServers }).Build();
        return admin.GetMetadata(topic, Patience).Topics.Single().Partitions.Count;
    }

    /// <summary>A member of the group "readers" that reads, in a loop of its own, until it is disposed.</summary>
    private sealed class Member : IAsyncDisposable
    {
        private readonly CancellationTokenSource leave = new();
        private readonly Lock gate = new();
        private readonly List<string> values = [];
        private readonly Task loop;
        private volatile int partitions;

        public Member(EmbeddedKafka kafka, string topic) => loop = Task.Factory.StartNew(
            () => Read(kafka.BootstrapServers, topic), leave.Token, TaskCreationOptions.LongRunning, TaskScheduler.Default);

        public int Partitions => partitions;

        public IReadOnlyList<string> Values
        {
            get
            {
                lock (gate)
                {
                    return [.. values];
                }
            }
        }

        public async ValueTask DisposeAsync()
        {
            if (!leave.IsCancellationRequested)
            {
                await leave.CancelAsync();
                await loop;
            }
        }

        private void Read(string bootstrapServers, string topic)
        {
            using IConsumer<Ignore, string> consumer = new ConsumerBuilder<Ignore, string>(new ConsumerConfig
            {
                BootstrapServers = bootstrapServers,
                GroupId = "readers",
                AutoOffsetReset = AutoOffsetReset.Earliest,
                PartitionAssignmentStrategy = PartitionAssignmentStrategy.CooperativeSticky,
                // As its documentation advises.
                SessionTimeoutMs = 4000,
                HeartbeatIntervalMs = 200,
            }).Build();
            consumer.Subscribe(topic);
            while (!leave.IsCancellationRequested)
            {
                if (consumer.Consume(TimeSpan.FromMilliseconds(50)) is { } result)
                {
                    lock (gate)
                    {
                        values.Add(result.Message.Value);
                    }
                }
                partitions = consumer.Assignment.Count;
            }
            consumer.Close();
        }
    }
}
