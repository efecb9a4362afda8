using System.Text;
using System.Text.Json;
using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;

namespace Clickstream;

/// <summary>
/// Reads the topics that the pipeline writes, as any consumer would, while they are written: the embedded Kafka keeps only the latest
/// records, so counting them afterwards would come too late. Errors are counted once per origin; of the changelog the last count
/// of each key is kept.
/// </summary>
internal sealed class TopicFollower : IDisposable
{
    private const string OriginHeader = "origin";

    private static readonly TimeSpan PollInterval = TimeSpan.FromMilliseconds(100);

    private readonly ClickstreamNames _names;
    private readonly IConsumer<byte[]?, byte[]?> _consumer;
    private readonly CancellationTokenSource _ending = new();
    private readonly Thread _thread;
    private readonly OriginSet _origins = new();
    private readonly Dictionary<string, long> _counts = new(StringComparer.Ordinal);
    private long _errors;
    private long _duplicates;
    private long _counted;
    private volatile string? _problem;

    /// <summary>Begins to read.</summary>
    /// <param name="bootstrapServers">Where Kafka is.</param>
    /// <param name="names">Names the topics.</param>
    /// <param name="partitions">How many partitions each of them has.</param>
    public TopicFollower(string bootstrapServers, ClickstreamNames names, int partitions)
    {
        LibRdKafka.EnsureLoaded();
        _names = names;
        _consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig
        {
            BootstrapServers = bootstrapServers,
            ClientId = "clickstream-demo",
            GroupId = "clickstream-demo",
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            IsolationLevel = IsolationLevel.ReadCommitted,
            FetchWaitMaxMs = 20,
        })
            .SetKeyDeserializer(Deserializers.ByteArray!)
            .SetValueDeserializer(Deserializers.ByteArray!)
            .SetLogHandler((_, _) => { })
            .Build();
        _consumer.Assign(
            from topic in new[] { names.ErrorsTopic, names.CountsTopic }
            from partition in Enumerable.Range(0, partitions)
            select new TopicPartitionOffset(topic, partition, Offset.Beginning));
        _thread = new Thread(Read) { IsBackground = true, Name = "demo follower" };
        _thread.Start();
    }

    /// <summary>How many errors the topic has, each counted once.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    /// <summary>How many records repeat one that was there before.</summary>
    public long Duplicates => Interlocked.Read(ref _duplicates);

    /// <summary>The sum over the last count of each key of the changelog.</summary>
    public long Counted => Interlocked.Read(ref _counted);

    /// <summary>Why the topics could not be read on; <c>null</c> when nothing is wrong.</summary>
    public string? Problem => _problem;

    /// <inheritdoc/>
    public void Dispose()
    {
        _ending.Cancel();
        _thread.Join();
        _consumer.Dispose();
        _ending.Dispose();
    }

    private void Read()
    {
        try
        {
            while (!_ending.IsCancellationRequested)
            {
                if (_consumer.Consume(PollInterval) is { } record)
                {
                    Take(record);
                }
            }
        }
        catch (Exception e) when (e is KafkaException or FormatException or JsonException)
        {
            _problem = e.Message;
        }
    }

    private void Take(ConsumeResult<byte[]?, byte[]?> record)
    {
        if (record.Topic == _names.CountsTopic)
        {
            using var value = JsonDocument.Parse(record.Message.Value ?? []);
            var count = value.RootElement.GetProperty("n").GetInt64();
            var key = Encoding.UTF8.GetString(record.Message.Key ?? []);
            Interlocked.Add(ref _counted, count - _counts.GetValueOrDefault(key));
            _counts[key] = count;
        }
        else if (record.Message.Headers.TryGetLastBytes(OriginHeader, out var origin) && !_origins.Add(Encoding.UTF8.GetString(origin)))
        {
            Interlocked.Increment(ref _duplicates);
        }
        else
        {
            Interlocked.Increment(ref _errors);
        }
    }
}
