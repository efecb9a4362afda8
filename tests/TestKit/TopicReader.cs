using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;

namespace TestKit;

/// <summary>Reads whole topics with a plain consumer, as somebody who checks the results would.</summary>
public static class TopicReader
{
    /// <summary>Reads a topic from its beginning to where it ends now.</summary>
    /// <param name="bootstrapServers">The broker.</param>
    /// <param name="topic">The topic; one that does not exist reads as empty.</param>
    /// <param name="readCommitted">Whether records of open and aborted transactions are left out.</param>
    /// <param name="patience">How long reading may take. Default: 30 seconds.</param>
    /// <returns>The records of all partitions, by partition and offset.</returns>
    public static Task<IReadOnlyList<TestRecord>> ReadToEndAsync(
        string bootstrapServers, string topic, bool readCommitted = true, TimeSpan? patience = null)
        => Task.Run(() => ReadToEnd(bootstrapServers, topic, readCommitted, patience ?? TimeSpan.FromSeconds(30)));

    private static IReadOnlyList<TestRecord> ReadToEnd(string bootstrapServers, string topic, bool readCommitted, TimeSpan patience)
    {
        LibRdKafka.EnsureLoaded();
        using IConsumer<byte[]?, byte[]?> consumer = new ConsumerBuilder<byte[]?, byte[]?>(new ConsumerConfig
        {
            BootstrapServers = bootstrapServers,
            GroupId = $"reader-{Guid.NewGuid():N}",
            EnableAutoCommit = false,
            AutoOffsetReset = AutoOffsetReset.Earliest,
            EnablePartitionEof = true,
            IsolationLevel = readCommitted ? IsolationLevel.ReadCommitted : IsolationLevel.ReadUncommitted,
            // The end of a partition is noticed when the broker has nothing more to send.
            FetchWaitMaxMs = 10,
        })
            .SetKeyDeserializer(Deserializers.ByteArray!)
            .SetValueDeserializer(Deserializers.ByteArray!)
            .SetLogHandler((_, _) => { })
            .Build();

        using var deadline = new CancellationTokenSource(patience);
        HashSet<int> unfinished = [.. PartitionsOf(consumer, topic, patience)];
        var records = new List<TestRecord>();
        consumer.Assign(unfinished.Select(partition => new TopicPartitionOffset(topic, partition, Offset.Beginning)));
        try
        {
            while (unfinished.Count > 0)
            {
                ConsumeResult<byte[]?, byte[]?> result = consumer.Consume(deadline.Token);
                if (result.IsPartitionEOF)
                {
                    unfinished.Remove(result.Partition.Value);
                }
                else if (unfinished.Contains(result.Partition.Value))
                {
                    records.Add(ToRecord(result));
                }
            }
        }
        catch (OperationCanceledException)
        {
            throw new TimeoutException($"The end of {topic} was not reached within {patience.TotalSeconds:0.#} s: "
                + $"{records.Count} records read, partitions {string.Join(", ", unfinished)} unfinished.");
        }
        return [.. records.OrderBy(r => r.Partition).ThenBy(r => r.Offset)];
    }

    private static IEnumerable<int> PartitionsOf(IConsumer<byte[]?, byte[]?> consumer, string topic, TimeSpan patience)
    {
        using IAdminClient admin = new DependentAdminClientBuilder(consumer.Handle).Build();
        TopicMetadata metadata;
        try
        {
            metadata = admin.GetMetadata(topic, patience).Topics.Single();
        }
        catch (KafkaException e) when (e.Error.Code is ErrorCode.Local_TimedOut or ErrorCode.Local_Transport)
        {
            throw new TimeoutException($"The partitions of {topic} could not be read within {patience.TotalSeconds:0.#} s: {e.Error.Reason}", e);
        }
        return metadata.Error.Code switch
        {
            ErrorCode.NoError => metadata.Partitions.Select(p => p.PartitionId),
            ErrorCode.UnknownTopicOrPart => [],
            _ => throw new InvalidOperationException($"The partitions of {topic} cannot be read: {metadata.Error.Reason}"),
        };
    }

    private static TestRecord ToRecord(ConsumeResult<byte[]?, byte[]?> result) => new(
        result.Topic, result.Partition.Value, result.Offset.Value, result.Message.Key, result.Message.Value,
        DateTimeOffset.FromUnixTimeMilliseconds(result.Message.Timestamp.UnixTimestampMs),
        [.. (result.Message.Headers ?? []).Select(h => KeyValuePair.Create(h.Key, (byte[]?)h.GetValueBytes()))]);
}
