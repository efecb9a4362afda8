using System.Text;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Kafka;

public sealed class KafkaTransactionsTests(TestKafka kafka)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static readonly TimeSpan Time = TimeSpan.FromSeconds(30);

    private KafkaProducer Producer(string id) => new(kafka.Settings(), "tests", id, _ => { }, NullLogger.Instance);

    private static void Send(KafkaProducer producer, string topic, string value)
    {
        using var buffer = new OutputBuffer(topic);
        buffer.Add([], false, Encoding.UTF8.GetBytes(value), true, Reader.Now, []);
        producer.Send(buffer, 0, 1, Cancel);
    }

    [Fact]
    public async Task what_is_aborted_is_never_read()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster writes no commit and abort markers");
        var topic = await kafka.NewTopicAsync(1);
        using var producer = Producer(TestKafka.UniqueName("tx"));
        var transactions = producer.Transactions!;
        transactions.Initialize(Time);
        foreach (var (value, commit) in new[] { ("a", true), ("b", false), ("c", true) })
        {
            transactions.Begin();
            Send(producer, topic, value);
            producer.Flush(Time, Cancel);
            if (commit)
            {
                transactions.Commit(Time);
            }
            else
            {
                transactions.Abort(Time);
            }
        }

        using var reader = new Reader(kafka.Settings(), TestKafka.UniqueName("group"), topic);
        reader.ReadCount(2);
        reader.PollFor(TimeSpan.FromMilliseconds(500));
        Assert.Equal(["a", "c"], reader.Records.Select(r => r.Text));
        Assert.Equal([0L, 4L], reader.Records.Select(r => r.Offset));
    }

    [Fact]
    public async Task a_membership_tells_whether_it_is_one()
    {
        using var reader = new Reader(kafka.Settings(), TestKafka.UniqueName("group"), await kafka.NewTopicAsync(1));
        using (var before = reader.Consumer.GroupMetadata())
        {
            Assert.False(before.IsOfMember);
        }

        reader.PollUntil(() => reader.Owned.Count == 1, "the assignment");
        using var member = reader.Consumer.GroupMetadata();
        Assert.True(member.IsOfMember);
    }

    [Fact]
    public async Task offsets_are_committed_with_the_transaction_and_not_with_an_aborted_one()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster forgets the offsets of transactions");
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        using var reader = new Reader(kafka.Settings(), TestKafka.UniqueName("group"), partition.Topic);
        reader.PollUntil(() => reader.Owned.Count == 1, "the assignment");
        using var producer = Producer(TestKafka.UniqueName("tx"));
        var transactions = producer.Transactions!;
        transactions.Initialize(Time);
        using var member = reader.Consumer.GroupMetadata();

        transactions.Begin();
        Send(producer, partition.Topic, "a");
        transactions.SendOffsets([new(partition, 5, "closed")], member, Time);
        transactions.Commit(Time);
        Assert.Equal(new PartitionOffset(partition, 5, "closed"), Assert.Single(reader.Consumer.Committed([partition], Time)).Offset);

        transactions.Begin();
        transactions.SendOffsets([new(partition, 9)], member, Time);
        transactions.Abort(Time);
        Assert.Equal(5, Assert.Single(reader.Consumer.Committed([partition], Time)).Offset?.Offset);
    }

    [Fact]
    public async Task offsets_of_a_member_that_has_left_are_refused_and_the_producer_goes_on()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster does not check the group's generation");
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        var reader = new Reader(kafka.Settings(), TestKafka.UniqueName("group"), partition.Topic);
        reader.PollUntil(() => reader.Owned.Count == 1, "the assignment");
        using var member = reader.Consumer.GroupMetadata();
        reader.Dispose();

        using var producer = Producer(TestKafka.UniqueName("tx"));
        var transactions = producer.Transactions!;
        transactions.Initialize(Time);
        transactions.Begin();
        Send(producer, partition.Topic, "a");
        var thrown = Assert.Throws<KafkaFailureException>(() => transactions.SendOffsets([new(partition, 1)], member, Time));
        Assert.True(thrown.Failure.RequiresAbort, thrown.Message);
        Assert.False(thrown.Failure.Fatal);
        Assert.False(thrown.Failure.Fenced);
        transactions.Abort(Time);

        transactions.Begin();
        Send(producer, partition.Topic, "b");
        transactions.Commit(Time);
    }

    [Fact]
    public async Task a_second_producer_of_the_same_id_fences_the_first()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster fences nobody");
        var topic = await kafka.NewTopicAsync(1);
        var id = TestKafka.UniqueName("tx");
        using var first = Producer(id);
        first.Transactions!.Initialize(Time);
        first.Transactions.Begin();
        Send(first, topic, "stale");
        first.Flush(Time, Cancel);

        using var second = Producer(id);
        second.Transactions!.Initialize(Time);
        second.Transactions.Begin();
        Send(second, topic, "fresh");
        second.Transactions.Commit(Time);

        var thrown = Assert.Throws<KafkaFailureException>(() =>
        {
            Send(first, topic, "stale too");
            first.Transactions.Commit(Time);
        });
        Assert.True(thrown.Failure.Fenced, thrown.Message);
        Assert.True(thrown.Failure.Fatal, thrown.Message);
        Assert.False(thrown.Failure.Retriable);

        using var reader = new Reader(kafka.Settings(), TestKafka.UniqueName("group"), topic);
        reader.ReadCount(1);
        reader.PollFor(TimeSpan.FromMilliseconds(500));
        Assert.Equal(["fresh"], reader.Records.Select(r => r.Text));
    }

    [Fact]
    public async Task a_transaction_that_runs_through_leaves_its_records()
    {
        var topic = await kafka.NewTopicAsync(1);
        using var producer = Producer(TestKafka.UniqueName("tx"));
        var transactions = producer.Transactions!;
        transactions.Initialize(Time);
        foreach (var value in new[] { "a", "b" })
        {
            transactions.Begin();
            Send(producer, topic, value);
            transactions.Commit(Time);
        }

        using var reader = new Reader(kafka.Settings(), TestKafka.UniqueName("group"), topic);
        reader.ReadCount(2);
        Assert.Equal(["a", "b"], reader.Records.Select(r => r.Text));
    }

    [Fact]
    public void beginning_before_initializing_says_what_was_tried()
    {
        using var producer = Producer("never-initialized");
        var thrown = Assert.Throws<KafkaFailureException>(producer.Transactions!.Begin);
        Assert.StartsWith("Beginning the transaction (never-initialized) failed: ", thrown.Message, StringComparison.Ordinal);
        Assert.False(thrown.Failure.Retriable);
    }

    [Fact]
    public void initializing_without_a_broker_ends_in_time_and_may_be_tried_again()
    {
        using var producer = new KafkaProducer(new("127.0.0.1:1"), "tests", "nobody", _ => { }, NullLogger.Instance);
        for (var i = 0; i < 2; i++)
        {
            var thrown = Assert.Throws<KafkaFailureException>(() => producer.Transactions!.Initialize(TimeSpan.FromMilliseconds(300)));
            Assert.True(thrown.Failure.Retriable, thrown.Message);
        }
    }
}
