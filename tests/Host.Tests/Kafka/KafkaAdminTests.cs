using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using TestKit;

namespace Streams.Hosting.Tests.Kafka;

public sealed class KafkaAdminTests(TestKafka kafka)
{
    private KafkaAdmin Admin() => new(kafka.Settings(), "tests", NullLogger.Instance);

    [Fact]
    public async Task asking_for_a_topic_does_not_make_it()
    {
        Assert.SkipWhen(kafka.MakesTopicsUnasked, "this mock cluster makes topics unasked");
        using var admin = Admin();
        var topic = TestKafka.UniqueName("absent");
        for (var i = 0; i < 3; i++)
        {
            Assert.Null(await admin.PartitionCountAsync(topic, TestContext.Current.CancellationToken));
        }
    }

    [Fact]
    public async Task a_missing_topic_is_made_and_an_existing_one_left_alone()
    {
        using var admin = Admin();
        var cancel = TestContext.Current.CancellationToken;
        var topic = TestKafka.UniqueName("made");

        // The mock cluster makes topics with four partitions, whatever is asked for.
        var expected = kafka.IsReal ? 3 : 4;
        Assert.Equal(expected, await admin.EnsureTopicAsync(topic, 3, cancel));
        Assert.Equal(expected, await admin.PartitionCountAsync(topic, cancel));
        Assert.Equal(expected, await admin.EnsureTopicAsync(topic, 7, cancel));
    }

    [Fact]
    public async Task a_topic_is_waited_for()
    {
        Assert.SkipWhen(kafka.MakesTopicsUnasked, "this mock cluster makes topics unasked");
        using var admin = Admin();
        using var other = Admin();
        var cancel = TestContext.Current.CancellationToken;
        var topic = TestKafka.UniqueName("awaited");
        var waiting = admin.WaitForTopicAsync(topic, cancel);
        Assert.Null(await admin.PartitionCountAsync(topic, cancel));
        Assert.False(waiting.IsCompleted);
        var partitions = await other.EnsureTopicAsync(topic, 2, cancel);
        Assert.Equal(partitions, await waiting.WaitAsync(Reader.Patience, cancel));
    }

    [Fact]
    public async Task waiting_for_a_broker_that_is_away_can_be_cancelled()
    {
        using var admin = new KafkaAdmin(new("127.0.0.1:1"), "tests", NullLogger.Instance);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(500));
        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => admin.WaitForTopicAsync("nothing", cancellation.Token));
    }

    [Fact]
    public async Task a_topic_that_cannot_be_made_says_why_and_what_to_do()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster refuses no name");
        using var admin = Admin();
        var thrown = await Assert.ThrowsAsync<KafkaFailureException>(
            () => admin.EnsureTopicAsync(new string('x', 300), 1, TestContext.Current.CancellationToken));
        Assert.Contains("failed: ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("x-300", thrown.Message.Replace(new string('x', 300), "x-300", StringComparison.Ordinal), StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_count_of_partitions_that_is_impossible_is_refused_with_advice()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster counts partitions by itself");
        using var admin = Admin();
        var topic = TestKafka.UniqueName("impossible");
        var thrown = await Assert.ThrowsAsync<KafkaFailureException>(
            () => admin.EnsureTopicAsync(topic, 0, TestContext.Current.CancellationToken));
        Assert.StartsWith($"Creating topic {topic} failed: ", thrown.Message, StringComparison.Ordinal);
        Assert.Contains($"kafka-topics.sh --create --topic {topic} --partitions", thrown.Message, StringComparison.Ordinal);
    }
}
