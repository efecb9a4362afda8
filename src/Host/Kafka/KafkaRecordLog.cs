using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>Kafka as a node reaches it: its member of the group, its producer, and looking whether all is there.</summary>
/// <param name="topology">What is run.</param>
/// <param name="options">The node's settings.</param>
/// <param name="settings">Where Kafka is, and its properties.</param>
/// <param name="node">This node's name.</param>
/// <param name="admin">Asks for topics. The caller's to dispose.</param>
/// <param name="time">The clock.</param>
/// <param name="loggers">Where to log.</param>
internal sealed class KafkaRecordLog(
    Topology topology,
    StreamsOptions options,
    KafkaSettings settings,
    string node,
    KafkaAdmin admin,
    TimeProvider time,
    ILoggerFactory loggers) : IRecordLog
{
    private static readonly TimeSpan _leastFetchWait = TimeSpan.FromMilliseconds(5);
    private static readonly TimeSpan _mostFetchWait = TimeSpan.FromMilliseconds(100);

    public IRecordReader CreateReader(IPartitionOwner owner, Action<KafkaFailure> onFailure) => new KafkaRecordReader(
        settings, new GroupMember(options.ApplicationId, node, options.NodeName) { FetchWait = FetchWait(options.CommitInterval) }, owner, onFailure,
        loggers.CreateLogger<KafkaConsumer>());

    public IRecordWriter CreateWriter(IRecordReader reader, Action<KafkaFailure> onFailure)
    {
        var logger = loggers.CreateLogger<KafkaProducer>();
        if (!NodeRuntime.IsTransactional(topology, options))
        {
            return new KafkaRecordWriter(settings, node, OnProducerFailure, logger);
        }

        return KafkaTransactionalWriter.Alternating(
            $"{options.ApplicationId}/{node}",
            id => new KafkaTransactionalClient(settings, node, id, (KafkaRecordReader)reader, OnProducerFailure, logger),
            time);

        // Of lost brokers the consumer tells, too, and knows when they are back.
        void OnProducerFailure(KafkaFailure failure)
        {
            if (failure.Code != Confluent.Kafka.ErrorCode.Local_AllBrokersDown)
            {
                onFailure(failure);
            }
        }
    }

    public async Task<string?> FindMissingTopicAsync(CancellationToken cancellation)
    {
        foreach (var topic in topology.SourceTopics)
        {
            if (await admin.PartitionCountAsync(topic, cancellation) is null)
            {
                return topic;
            }
        }

        return null;
    }

    public Task<(long First, long End)> RangeAsync(TopicPartition partition, CancellationToken cancellation) => admin.RangeAsync(partition, cancellation);

    /// <summary>A quarter of the commit interval: what comes sooner would wait for the commit anyway.</summary>
    private static TimeSpan FetchWait(TimeSpan commitInterval) =>
        TimeSpan.FromTicks(Math.Clamp((commitInterval / 4).Ticks, _leastFetchWait.Ticks, _mostFetchWait.Ticks));
}
