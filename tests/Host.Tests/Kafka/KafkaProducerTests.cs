using System.Text;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using Streams.Processors;
using TestKit;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Tests.Kafka;

public sealed class KafkaProducerTests(TestKafka kafka)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private KafkaProducer Producer(string? transactionalId = null, params (string Name, string Value)[] properties) => new(
        new(kafka.BootstrapServers, producer: properties.Select(p => KeyValuePair.Create(p.Name, p.Value))),
        "tests",
        transactionalId,
        _ => { },
        NullLogger.Instance);

    private Reader Read(string topic) => new(kafka.Settings(), TestKafka.UniqueName("group"), topic);

    private static OutputBuffer Buffer(string topic, params string[] values)
    {
        var buffer = new OutputBuffer(topic);
        foreach (var value in values)
        {
            buffer.Add(Encoding.UTF8.GetBytes(value), true, Encoding.UTF8.GetBytes(value), true, Reader.Now, []);
        }

        return buffer;
    }

    [Fact]
    public async Task records_arrive_with_key_value_headers_and_timestamp()
    {
        var topic = await kafka.NewTopicAsync(1);
        using var headers = new HeaderList();
        headers.Add("origin"u8, "clicks-0@7"u8);
        headers.Add("none"u8, [], hasValue: false);
        headers.Add("empty"u8, []);
        using var buffer = new OutputBuffer(topic);
        buffer.Add("skipped"u8, true, [], true, 1, []);
        buffer.Add("k"u8, true, "v"u8, true, Reader.Now + 123, headers.Packed);
        buffer.Add([], false, [], false, Reader.Now + 124, []);
        buffer.Add([], true, [], true, Reader.Now + 125, []);
        using var producer = Producer();
        producer.Send(buffer, 1, 3, Cancel);
        producer.Flush(Reader.Patience, Cancel);
        Assert.Equal(0, producer.OutQueueLength);

        using var reader = Read(topic);
        reader.ReadCount(3);
        var (full, nulls, empty) = (reader.Records[0], reader.Records[1], reader.Records[2]);
        Assert.Equal("k"u8, full.Key!);
        Assert.Equal("v"u8, full.Value!);
        Assert.Equal(["origin", "none", "empty"], full.Headers.Select(h => h.Key));
        Assert.Equal(["clicks-0@7"u8.ToArray(), null, []], full.Headers.Select(h => h.Value));
        Assert.Null(nulls.Key);
        Assert.Null(nulls.Value);
        Assert.Equal([], empty.Key!);
        Assert.Equal([], empty.Value!);
        Assert.Equal([Reader.Now + 123, Reader.Now + 124, Reader.Now + 125], reader.Records.Select(r => r.TimestampMs));
    }

    [Fact]
    public async Task keys_land_where_javas_clients_put_them()
    {
        var topic = await kafka.NewTopicAsync(10);
        string[] keys = ["a", "abc", "10.0.0.1", "192.168.17.4", "/cart", ""];
        using var producer = Producer();
        using var buffer = Buffer(topic, keys);
        producer.Send(buffer, 0, buffer.Count, Cancel);
        producer.Flush(Reader.Patience, Cancel);
        using var reader = Read(topic);
        reader.ReadCount(keys.Length);
        Assert.Equal(
            keys.Order(StringComparer.Ordinal).Select(k => (k, Murmur2.Partition(Encoding.UTF8.GetBytes(k), 10))),
            reader.Records.Select(r => (Encoding.UTF8.GetString(r.Key!), r.Partition.Partition)).OrderBy(r => r.Item1, StringComparer.Ordinal));
    }

    [Fact]
    public async Task a_full_queue_is_waited_for_and_order_is_kept()
    {
        var topic = await kafka.NewTopicAsync(1);
        string[] values = [.. Enumerable.Range(0, 30_000).Select(i => $"{i}")];
        using var buffer = Buffer(topic, values);
        using var producer = Producer(null, ("queue.buffering.max.messages", "1000"));
        producer.Send(buffer, 0, buffer.Count, Cancel);
        producer.Flush(Reader.Patience, Cancel);
        using var reader = Read(topic);
        reader.ReadCount(values.Length);
        Assert.Equal(values, reader.Records.Select(r => r.Text));
    }

    [Fact]
    public void waiting_for_room_can_be_cancelled()
    {
        using var buffer = Buffer("anything", [.. Enumerable.Range(0, 100).Select(i => $"{i}")]);
        using var producer = new KafkaProducer(
            new("127.0.0.1:1", producer: [new("queue.buffering.max.messages", "10")]), "tests", null, _ => { }, NullLogger.Instance);
        using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(300));
        Assert.Throws<OperationCanceledException>(() => producer.Send(buffer, 0, 100, cancellation.Token));

        var thrown = Assert.Throws<KafkaFailureException>(() => producer.Flush(TimeSpan.FromMilliseconds(200), Cancel));
        Assert.Equal(KafkaFailureKind.Transient, thrown.Failure.Kind);
        Assert.Equal(ErrorCode.Local_TimedOut, thrown.Failure.Code);
        Assert.Contains("records are still undelivered after 00:00:00.2", thrown.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task failures_of_the_client_are_told_while_nothing_is_sent()
    {
        var told = new TaskCompletionSource<KafkaFailure>(TaskCreationOptions.RunContinuationsAsynchronously);
        using var producer = new KafkaProducer(new("127.0.0.1:1"), "tests", null, failure => told.TrySetResult(failure), NullLogger.Instance);
        Assert.Equal(KafkaFailureKind.Transient, (await told.Task.WaitAsync(Reader.Patience, Cancel)).Kind);
    }

    [Fact]
    public async Task flushing_tells_which_deliveries_failed_and_then_starts_afresh()
    {
        Assert.SkipUnless(kafka.IsReal, "the mock cluster takes records of any size");
        var topic = await kafka.NewTopicAsync(1);
        using var producer = Producer();
        using var large = new OutputBuffer(topic);
        var noise = new byte[4_000_000];
        new Random(7).NextBytes(noise);
        large.Add([], false, noise.AsSpan(0, 3_000_000), true, 0, []);
        large.Add([], false, noise, true, 0, []);
        producer.Send(large, 0, 2, Cancel);
        var thrown = Assert.Throws<KafkaFailureException>(() => producer.Flush(Reader.Patience, Cancel));
        Assert.Equal(KafkaFailureKind.RecordTooLarge, thrown.Failure.Kind);
        Assert.Equal(new TopicPartition(topic, 0), thrown.Failure.Partition);
        Assert.Contains($"2 records were not delivered: 2 to {topic}-0", thrown.Message, StringComparison.Ordinal);
        Assert.Contains("max.message.bytes", thrown.Message, StringComparison.Ordinal);

        using var small = Buffer(topic, "fits");
        producer.Send(small, 0, 1, Cancel);
        producer.Flush(Reader.Patience, Cancel);
        using var reader = Read(topic);
        reader.ReadCount(1);
        Assert.Equal("fits", reader.Records[0].Text);
    }

    [Fact]
    public void a_record_over_the_clients_own_limit_is_refused_at_once()
    {
        using var producer = Producer(null, ("message.max.bytes", "5000"));
        using var buffer = new OutputBuffer("anything");
        buffer.Add([], false, new byte[10_000], true, 0, []);
        var thrown = Assert.Throws<KafkaFailureException>(() => producer.Send(buffer, 0, 1, Cancel));
        Assert.Equal(KafkaFailureKind.RecordTooLarge, thrown.Failure.Kind);
    }

    [Fact]
    public async Task sending_allocates_nothing_per_record()
    {
        var topic = await kafka.NewTopicAsync(1);
        using var headers = new HeaderList();
        headers.Add("origin"u8, "clicks-0@7"u8);
        using var buffer = new OutputBuffer(topic);
        for (var i = 0; i < 10_000; i++)
        {
            buffer.Add("key"u8, true, "value"u8, true, Reader.Now, headers.Packed);
        }

        using var producer = Producer();
        producer.Send(buffer, 0, buffer.Count, Cancel);
        var before = GC.GetAllocatedBytesForCurrentThread();
        producer.Send(buffer, 0, buffer.Count, Cancel);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, 1000);
        producer.Flush(Reader.Patience, Cancel);
    }

    /// <summary>Java's partitioner, written down independently.</summary>
    private static class Murmur2
    {
        public static int Partition(ReadOnlySpan<byte> key, int partitions)
        {
            const uint M = 0x5bd1e995;
            var h = 0x9747b28cu ^ (uint)key.Length;
            var rest = key;
            for (; rest.Length >= 4; rest = rest[4..])
            {
                var k = BitConverter.ToUInt32(rest) * M;
                h = (h * M) ^ ((k ^ (k >> 24)) * M);
            }

            for (var i = rest.Length - 1; i >= 0; i--)
            {
                h ^= (uint)rest[i] << (8 * i);
            }

            h = rest.IsEmpty ? h : h * M;
            h = (h ^ (h >> 13)) * M;
            h ^= h >> 15;
            return (int)(h & 0x7fffffff) % partitions;
        }
    }
}
