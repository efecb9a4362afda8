using System.Diagnostics;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using Streams.Hosting.Kafka;
using Streams.Hosting.Kafka.Native;

namespace Streams.Bench.Throughput;

/// <summary>
/// Reads a topic from its beginning with nothing but <c>rd_kafka_consume_batch_queue</c>, with the client settings of a node: what
/// librdkafka can hand over.
/// </summary>
internal sealed unsafe class BareReader : IDisposable
{
    private const int MaxRecords = KafkaConsumer.DefaultMaxPollRecords;

    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(1);

    private readonly IConsumer<Ignore, Ignore> _consumer;
    private readonly SafeHandle _client;
    private readonly nint _queue;
    private readonly NativeMessage** _messages;
    private readonly int _partitions;

    /// <summary>Reads all that a topic holds at the moment.</summary>
    public static void ReadToEnd(string bootstrapServers, string topic, int partitions, Visitor visit)
    {
        var settings = new KafkaSettings(bootstrapServers, consumer: [new("enable.partition.eof", "true"), new("fetch.wait.max.ms", "20")]);
        using var reader = new BareReader(settings, topic, partitions);
        reader.ReadToEnd(visit);
    }

    public BareReader(KafkaSettings settings, string topic, int partitions)
    {
        LibRdKafka.EnsureLoaded();
        _partitions = partitions;
        _consumer = new ConsumerBuilder<Ignore, Ignore>(settings.Consumer(new GroupMember($"bench-{Guid.NewGuid():N}", "bench-reader")))
            .SetLogHandler((_, _) => { })
            .Build();
        _client = ClientHandle.Of(_consumer);
        _queue = NativeMethods.rd_kafka_queue_get_consumer(_client);
        _messages = (NativeMessage**)NativeMemory.Alloc(MaxRecords, (nuint)sizeof(NativeMessage*));
        _consumer.Assign(Enumerable.Range(0, partitions).Select(partition => new TopicPartitionOffset(topic, partition, 0)));
    }

    /// <summary>Sees one record; its spans are valid during the call.</summary>
    public delegate void Visitor(in BareRecord record);

    /// <summary>Takes what is there, or waits a moment for it.</summary>
    /// <param name="bytes">Gets the bytes of keys and values added.</param>
    /// <returns>How many records.</returns>
    public int Read(ref long bytes)
    {
        var count = Take();
        for (var i = 0; i < count; i++)
        {
            var message = _messages[i];
            if (message->Error != ErrorCode.NoError)
            {
                throw Failed(message->Error);
            }

            bytes += (long)(message->KeyLength + message->ValueLength);
            NativeMethods.rd_kafka_message_destroy(message);
        }

        return count;
    }

    // Needs enable.partition.eof.
    private void ReadToEnd(Visitor visit)
    {
        var last = Stopwatch.GetTimestamp();
        for (var ended = 0; ended < _partitions;)
        {
            var count = Take();
            if (count > 0)
            {
                last = Stopwatch.GetTimestamp();
            }
            else if (Stopwatch.GetElapsedTime(last) > Patience)
            {
                throw new BenchException($"{_partitions - ended} partitions of a topic of {_partitions} have told no end for {Patience.TotalSeconds} s.");
            }

            for (var i = 0; i < count; i++)
            {
                var message = _messages[i];
                switch (message->Error)
                {
                    case ErrorCode.NoError:
                        int timestampType;
                        visit(new BareRecord
                        {
                            Partition = message->Partition,
                            Offset = message->Offset,
                            TimestampMs = NativeMethods.rd_kafka_message_timestamp(message, &timestampType),
                            Key = new(message->Key, (int)message->KeyLength),
                            Value = new(message->Value, (int)message->ValueLength),
                        });
                        break;
                    case ErrorCode.Local_PartitionEOF:
                        ended++;
                        break;
                    default:
                        throw Failed(message->Error);
                }

                NativeMethods.rd_kafka_message_destroy(message);
            }
        }
    }

    public void Dispose()
    {
        NativeMethods.rd_kafka_queue_destroy(_queue);
        _consumer.Dispose();
        NativeMemory.Free(_messages);
    }

    // As a node polls: a read with room for more than what is there waits for the rest until its time is up.
    private int Take()
    {
        var count = Math.Max(0, (int)NativeMethods.rd_kafka_consume_batch_queue(_queue, 100, _messages, 1));
        return count == 0 ? 0 : count + Math.Max(0, (int)NativeMethods.rd_kafka_consume_batch_queue(_queue, 0, _messages + 1, MaxRecords - 1));
    }

    private static BenchException Failed(ErrorCode error) => new($"Reading failed: {NativeText.Read((byte*)NativeMethods.rd_kafka_err2str(error))}");
}

/// <summary>A record in librdkafka's memory.</summary>
internal readonly ref struct BareRecord
{
    public required int Partition { get; init; }

    public required long Offset { get; init; }

    public required long TimestampMs { get; init; }

    public required ReadOnlySpan<byte> Key { get; init; }

    public required ReadOnlySpan<byte> Value { get; init; }
}
