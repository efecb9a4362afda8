using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;

namespace TestKit;

/// <summary>Writes many records to topics, fast, in order, and each of them once.</summary>
public sealed class TopicWriter : IDisposable
{
    private readonly IProducer<byte[]?, byte[]?> producer;

    /// <summary>Makes a writer.</summary>
    public TopicWriter(string bootstrapServers)
    {
        LibRdKafka.EnsureLoaded();
        var config = new ProducerConfig
        {
            BootstrapServers = bootstrapServers,
            EnableIdempotence = true,
            LingerMs = 5,
            // A broker that a test took down is found again soon.
            ReconnectBackoffMaxMs = 1_000,
            Partitioner = Partitioner.Murmur2Random,
            QueueBufferingMaxMessages = 1_000_000,
            QueueBufferingMaxKbytes = 1_000_000,
            MessageMaxBytes = 50_000_000,
        };
        producer = new ProducerBuilder<byte[]?, byte[]?>(config)
            .SetKeySerializer(Serializers.ByteArray!)
            .SetValueSerializer(Serializers.ByteArray!)
            // A broker that a test takes down is no news on the console; records that are not delivered throw.
            .SetLogHandler((_, _) => { })
            .SetErrorHandler((_, _) => { })
            .Build();
    }

    /// <summary>Writes records with a writer for this one time.</summary>
    public static async Task WriteAsync(string bootstrapServers, string topic, IEnumerable<TestMessage> messages)
    {
        using var writer = new TopicWriter(bootstrapServers);
        await writer.WriteAsync(topic, messages);
    }

    /// <summary>Writes records and waits until the broker has all of them.</summary>
    /// <exception cref="InvalidOperationException">A record was not delivered.</exception>
    public Task WriteAsync(string topic, IEnumerable<TestMessage> messages) => Task.Run(() =>
    {
        int open = 0;
        Error? failed = null;
        foreach (TestMessage message in messages)
        {
            Interlocked.Increment(ref open);
            Produce(new TopicPartition(topic, message.Partition ?? Partition.Any), ToKafka(message), report =>
            {
                if (report.Error.IsError)
                {
                    failed = report.Error;
                }
                Interlocked.Decrement(ref open);
            });
        }
        while (Volatile.Read(ref open) > 0)
        {
            producer.Flush(TimeSpan.FromMilliseconds(100));
        }
        if (failed is not null)
        {
            throw new InvalidOperationException($"A record for {topic} was not delivered: {failed.Reason}");
        }
    });

    /// <inheritdoc/>
    public void Dispose() => producer.Dispose();

    private static Message<byte[]?, byte[]?> ToKafka(TestMessage message)
    {
        var headers = new Headers();
        foreach ((string name, byte[]? value) in message.Headers ?? [])
        {
            headers.Add(name, value);
        }
        return new Message<byte[]?, byte[]?>
        {
            Key = message.Key,
            Value = message.Value,
            Timestamp = message.Timestamp is { } time ? new Timestamp(time) : Timestamp.Default,
            Headers = headers,
        };
    }

    private void Produce(TopicPartition where, Message<byte[]?, byte[]?> message, Action<DeliveryReport<byte[]?, byte[]?>> done)
    {
        while (true)
        {
            try
            {
                producer.Produce(where, message, done);
                return;
            }
            catch (ProduceException<byte[]?, byte[]?> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                producer.Poll(TimeSpan.FromMilliseconds(50));
            }
        }
    }
}
