using System.Diagnostics;
using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using TestKit;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Tests.Kafka;

public sealed class KafkaConsumerTests(TestKafka kafka)
{
    private static string[] Numbers(int count, string prefix = "") => [.. Enumerable.Range(0, count).Select(i => $"{prefix}{i}")];

    private Reader Read(string topic, params (string, string)[] properties) =>
        new(kafka.Settings(properties), TestKafka.UniqueName("group"), topic);

    [Fact]
    public async Task records_of_each_partition_come_in_offset_order()
    {
        var topic = await kafka.NewTopicAsync(3);
        for (var p = 0; p < 3; p++)
        {
            await Writer.WriteAsync(kafka, new(topic, p), Numbers(12_000, $"{p}/"));
        }

        using var reader = Read(topic);
        reader.ReadCount(36_000);

        for (var p = 0; p < 3; p++)
        {
            var records = reader.Records.Where(r => r.Partition == new TopicPartition(topic, p)).ToList();
            Assert.Equal(Numbers(12_000, $"{p}/"), records.Select(r => r.Text));
            Assert.Equal(records.Select(r => r.Offset).Order(), records.Select(r => r.Offset));
        }

        Assert.Empty(reader.Failures);
    }

    [Fact]
    public async Task keys_values_headers_and_timestamps_arrive_as_they_were_written()
    {
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        var headers = new Headers
        {
            { "origin", Encoding.UTF8.GetBytes("clicks-0@7") },
            { "none", null },
            { "empty", [] },
            { "origin", Encoding.UTF8.GetBytes("twice") },
            { "größe", [1, 0, 2] },
        };
        await Writer.WriteAsync(
            kafka,
            partition,
            new Message<byte[], byte[]> { Key = [1, 2], Value = [3, 0, 4], Headers = headers, Timestamp = new(Reader.Now + 123, TimestampType.CreateTime) },
            new Message<byte[], byte[]> { Key = null!, Value = null! },
            new Message<byte[], byte[]> { Key = [], Value = [] });

        using var reader = Read(partition.Topic);
        reader.ReadCount(3);

        var (full, nulls, empty) = (reader.Records[0], reader.Records[1], reader.Records[2]);
        Assert.Equal([1, 2], full.Key!);
        Assert.Equal([3, 0, 4], full.Value!);
        Assert.Equal(Reader.Now + 123, full.TimestampMs);
        Assert.Equal(["origin", "none", "empty", "origin", "größe"], full.Headers.Select(h => h.Key));
        Assert.Equal(
            ["clicks-0@7"u8.ToArray(), null, [], "twice"u8.ToArray(), [1, 0, 2]],
            full.Headers.Select(h => h.Value));
        Assert.Null(nulls.Key);
        Assert.Null(nulls.Value);
        Assert.Empty(nulls.Headers);
        Assert.Equal([], empty.Key!);
        Assert.Equal([], empty.Value!);
    }

    [Fact]
    public async Task a_record_of_two_megabytes_is_read_and_does_not_hold_up_the_others()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster keeps at most 5 MB and answers large fetches differently");
        var topic = await kafka.NewTopicAsync(1, new Dictionary<string, string> { ["max.message.bytes"] = "5000000" });
        var large = new byte[2_000_000];
        new Random(5).NextBytes(large);
        await Writer.WriteAsync(
            kafka,
            new(topic, 0),
            new Message<byte[], byte[]> { Value = [1] },
            new Message<byte[], byte[]> { Value = large },
            new Message<byte[], byte[]> { Value = [2] });

        using var reader = Read(topic);
        reader.ReadCount(3);

        Assert.Equal([1], reader.Records[0].Value!);
        Assert.Equal(large, reader.Records[1].Value);
        Assert.Equal([2], reader.Records[2].Value!);
    }

    [Fact]
    public async Task a_paused_partition_is_silent_and_goes_on_where_it_stopped()
    {
        var topic = await kafka.NewTopicAsync(2);
        var (paused, other) = (new TopicPartition(topic, 0), new TopicPartition(topic, 1));
        await Writer.WriteAsync(kafka, paused, Numbers(20_000));
        using var reader = Read(topic);
        reader.PollUntil(() => reader.Records.Count > 0, "the first records");

        reader.Consumer.Pause([paused]);
        var before = reader.Records.Count;
        await Writer.WriteAsync(kafka, other, Numbers(100));
        reader.PollUntil(() => reader.Records.Count(r => r.Partition == other) == 100, "the other partition");
        Assert.Equal(before, reader.Records.Count(r => r.Partition == paused));

        reader.Consumer.Resume([paused]);
        reader.PollUntil(() => reader.Records.Count >= 20_100, "all records");
        Assert.Equal(Numbers(20_000), reader.Records.Where(r => r.Partition == paused).Select(r => r.Text));
    }

    [Fact]
    public async Task seeking_back_reads_again_from_that_offset()
    {
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        await Writer.WriteAsync(kafka, partition, Numbers(10_000));
        using var reader = Read(partition.Topic);
        reader.PollUntil(() => reader.Records.Count > 0, "the first records");

        // Records fetched ahead, and not polled yet, must not come in between.
        reader.Records.Clear();
        reader.Consumer.Seek(new(partition, 5));
        reader.ReadCount(9_995);
        Assert.Equal(Numbers(10_000).Skip(5), reader.Records.Select(r => r.Text));

        reader.Records.Clear();
        reader.Consumer.Seek(new(partition, PartitionOffset.Beginning));
        reader.ReadCount(10_000);
        Assert.Equal(Numbers(10_000), reader.Records.Select(r => r.Text));
    }

    [Fact]
    public async Task seeking_a_paused_partition_counts_when_it_is_resumed()
    {
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        await Writer.WriteAsync(kafka, partition, Numbers(1_000));
        using var reader = Read(partition.Topic);
        reader.ReadCount(1_000);

        reader.Records.Clear();
        reader.Consumer.Pause([partition]);
        reader.Consumer.Seek(new(partition, 990));
        reader.PollFor(TimeSpan.FromMilliseconds(300));
        Assert.Empty(reader.Records);
        reader.Consumer.Resume([partition]);
        reader.ReadCount(10);
        Assert.Equal(Numbers(1_000).Skip(990), reader.Records.Select(r => r.Text));
    }

    [Fact]
    public async Task reading_starts_where_the_listener_says()
    {
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        await Writer.WriteAsync(kafka, partition, Numbers(100));
        using var reader = Read(partition.Topic).StartAt(partition, 97);
        reader.ReadCount(3);
        Assert.Equal(["97", "98", "99"], reader.Records.Select(r => r.Text));
        Assert.Equal((0, 100), reader.Consumer.WatermarkOffsets(partition));
    }

    [Fact]
    public async Task an_offset_out_of_range_is_told_and_the_other_partitions_go_on()
    {
        var topic = await kafka.NewTopicAsync(2);
        var (gone, good) = (new TopicPartition(topic, 0), new TopicPartition(topic, 1));
        await Writer.WriteAsync(kafka, gone, Numbers(10));
        await Writer.WriteAsync(kafka, good, Numbers(10));
        using var reader = Read(topic).StartAt(gone, 5_000);
        reader.PollUntil(() => reader.Failures.Count > 0 && reader.Records.Count == 10, "the failure and the good partition");

        var failure = Assert.Single(reader.Failures);
        Assert.Equal(KafkaFailureKind.OffsetOutOfRange, failure.Kind);
        Assert.Equal(gone, failure.Partition);
        Assert.False(failure.Retriable);
        Assert.All(reader.Records, r => Assert.Equal(good, r.Partition));

        // Nothing is skipped: the partition stays silent.
        await Writer.WriteAsync(kafka, gone, Numbers(10));
        reader.PollFor(TimeSpan.FromSeconds(1));
        Assert.Equal(10, reader.Records.Count);
    }

    [Fact]
    public async Task what_the_listener_throws_comes_out_of_poll_and_the_consumer_can_be_closed()
    {
        var topic = await kafka.NewTopicAsync(1);
        await Writer.WriteAsync(kafka, new(topic, 0), Numbers(10));
        var reader = Read(topic);
        reader.OnAssigned = () => throw new TimeoutException("the database is away");

        var thrown = Assert.Throws<TimeoutException>(() => reader.ReadCount(1));
        Assert.Equal("the database is away", thrown.Message);
        Assert.Throws<TimeoutException>(() => reader.Poll());
        Assert.Empty(reader.Records);
        Assert.Throws<TimeoutException>(reader.Dispose);
        Assert.Throws<ObjectDisposedException>(() => reader.Poll());
    }

    [Fact]
    public async Task batches_stay_readable_after_the_consumer_is_closed()
    {
        var partition = new TopicPartition(await kafka.NewTopicAsync(1), 0);
        await Writer.WriteAsync(kafka, partition, Numbers(100));
        var reader = Read(partition.Topic);
        var batches = new List<NativeRecordBatch>();
        var started = Stopwatch.GetTimestamp();
        while (batches.Sum(b => b.Count) < 100 && Stopwatch.GetElapsedTime(started) < Reader.Patience)
        {
            reader.Consumer.Poll(TimeSpan.FromMilliseconds(100), batches);
        }

        reader.Dispose();
        Assert.Equal(
            Numbers(100),
            batches.SelectMany(b => Enumerable.Range(0, b.Count).Select(i => Encoding.UTF8.GetString(b.Value(i)))));
        foreach (var batch in batches)
        {
            batch.Dispose();
            batch.Dispose();
            Assert.Equal(0, batch.Count);
            Assert.Throws<ArgumentOutOfRangeException>(() => batch.Offset(0));
        }
    }

    [Fact]
    public async Task committed_offsets_can_be_read_back()
    {
        var topic = await kafka.NewTopicAsync(2);
        var (first, second) = (new TopicPartition(topic, 0), new TopicPartition(topic, 1));
        using var reader = Read(topic);
        reader.PollUntil(() => reader.Owned.Count == 2, "the assignment");
        Assert.Equal(
            [(first, null), (second, null)],
            reader.Consumer.Committed([first, second], Reader.Patience));

        reader.Consumer.CommitOffsets([new(first, 42, "closed until 12:00")]);
        reader.PollUntil(() => reader.Consumer.Committed([first], Reader.Patience)[0].Offset is not null, "the commit");
        Assert.Equal(new PartitionOffset(first, 42, "closed until 12:00"), reader.Consumer.Committed([first], Reader.Patience)[0].Offset);
    }

    [Fact]
    public async Task waking_ends_a_poll_that_waits()
    {
        var topic = await kafka.NewTopicAsync(1);
        using var reader = Read(topic);
        reader.PollUntil(() => reader.Owned.Count == 1, "the assignment");
        var started = Stopwatch.GetTimestamp();
        using var timer = new Timer(_ => reader.Consumer.Wake(), null, 200, Timeout.Infinite);
        Assert.Equal(0, reader.Poll(20_000));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.FromMilliseconds(1), TimeSpan.FromSeconds(10));
    }

    [Fact]
    public async Task one_record_does_not_wait_for_the_poll_to_time_out()
    {
        var topic = await kafka.NewTopicAsync(1);
        using var reader = Read(topic);
        reader.PollUntil(() => reader.Owned.Count == 1, "the assignment");
        reader.PollFor(TimeSpan.FromMilliseconds(500));
        var writing = Writer.WriteAsync(kafka, new(topic, 0), ["now"]);
        var started = Stopwatch.GetTimestamp();
        Assert.Equal(1, reader.Poll(20_000));
        Assert.InRange(Stopwatch.GetElapsedTime(started), TimeSpan.Zero, TimeSpan.FromSeconds(10));
        await writing;
    }

    [Fact]
    public void a_broker_that_is_away_is_told_as_a_transient_failure()
    {
        var settings = new KafkaSettings("127.0.0.1:1");
        var failures = new List<KafkaFailure>();
        using var consumer = new KafkaConsumer(settings, new("nobody", "tests"), new NoListener(), failures.Add, NullLogger.Instance);
        consumer.Subscribe(["nothing"]);
        var started = Stopwatch.GetTimestamp();
        while (!failures.Exists(f => f.Code == ErrorCode.Local_AllBrokersDown) && Stopwatch.GetElapsedTime(started) < Reader.Patience)
        {
            consumer.Poll(TimeSpan.FromMilliseconds(100), []);
        }

        var failure = Assert.Single(failures, f => f.Code == ErrorCode.Local_AllBrokersDown);
        Assert.Equal(KafkaFailureKind.Transient, failure.Kind);
    }

    [Fact]
    public async Task a_broker_that_goes_and_comes_back_is_read_on_and_told_of_without_a_flood()
    {
        Assert.SkipUnless(kafka.CanStop, "this Kafka is not the tests' own to stop");
        await using var own = await TestKafka.StartOwnAsync();
        var partition = new TopicPartition(await own.NewTopicAsync(1), 0);
        await Writer.WriteAsync(own, partition, Numbers(1_000));
        using var reader = new Reader(own.Settings(), "group", partition.Topic);
        reader.ReadCount(1_000);

        await own.StopAsync();
        reader.PollUntil(() => reader.Failures.Exists(f => f.Code == ErrorCode.Local_AllBrokersDown), "the news");
        reader.PollFor(TimeSpan.FromSeconds(3));
        Assert.All(reader.Failures, f => Assert.Equal(KafkaFailureKind.Transient, f.Kind));
        Assert.InRange(reader.Failures.Count, 1, 25);

        await own.StartAsync();
        await Writer.WriteAsync(own, partition, Numbers(1_000));
        reader.ReadCount(2_000);
        Assert.Equal([.. Numbers(1_000), .. Numbers(1_000)], reader.Records.Select(r => r.Text));
    }

    private sealed class NoListener : IRebalanceListener
    {
        public IReadOnlyList<PartitionOffset> Assigned(IReadOnlyList<TopicPartition> partitions) => [];

        public void Revoked(IReadOnlyList<TopicPartition> partitions)
        {
        }

        public void Lost(IReadOnlyList<TopicPartition> partitions)
        {
        }
    }
}
