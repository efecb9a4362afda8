using Confluent.Kafka;
using TestKit;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Tests.Kafka;

/// <summary>Writes test records with Confluent.Kafka, so that reading is not tested against our own writing only.</summary>
internal static class Writer
{
    public static async Task<IReadOnlyList<long>> WriteAsync(TestKafka kafka, TopicPartition to, params Message<byte[], byte[]>[] messages)
    {
        using var producer = new ProducerBuilder<byte[], byte[]>(new ProducerConfig
        {
            BootstrapServers = kafka.BootstrapServers,
            EnableIdempotence = true,
            MessageMaxBytes = 10_000_000,
            LingerMs = 1,
        }).SetLogHandler((_, _) => { }).Build();
        var sent = messages.Select(m => producer.ProduceAsync(new Confluent.Kafka.TopicPartition(to.Topic, to.Partition), m)).ToList();
        var results = await Task.WhenAll(sent);
        return [.. results.Select(r => r.Offset.Value)];
    }

    public static Task<IReadOnlyList<long>> WriteAsync(TestKafka kafka, TopicPartition to, IEnumerable<string> values) =>
        WriteAsync(kafka, to, [.. values.Select(v => new Message<byte[], byte[]> { Value = System.Text.Encoding.UTF8.GetBytes(v) })]);
}
