using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>The consumer, as the runtime sees it.</summary>
internal sealed class KafkaRecordReader : IRecordReader
{
    private readonly KafkaConsumer _consumer;
    private readonly List<NativeRecordBatch> _batches = [];

    public KafkaRecordReader(KafkaSettings settings, GroupMember member, IPartitionOwner owner, Action<KafkaFailure> onFailure, ILogger logger) =>
        _consumer = new KafkaConsumer(settings, member, new Listener(owner), onFailure, logger);

    public void Subscribe(IReadOnlyList<string> topics) => _consumer.Subscribe(topics);

    public void Poll(TimeSpan timeout, List<RecordBatch> into)
    {
        _consumer.Poll(timeout, _batches);
        into.AddRange(_batches);
        _batches.Clear();
    }

    public void Wake() => _consumer.Wake();

    public void Pause(IReadOnlyCollection<TopicPartition> partitions) => _consumer.Pause(partitions);

    public void Resume(IReadOnlyCollection<TopicPartition> partitions) => _consumer.Resume(partitions);

    public void CommitOffsets(IReadOnlyCollection<(TopicPartition Partition, long NextOffset)> offsets) =>
        _consumer.CommitOffsets([.. offsets.Select(o => new PartitionOffset(o.Partition, o.NextOffset))]);

    public long? EndOffset(TopicPartition partition) => _consumer.WatermarkOffsets(partition)?.High;

    public void Close() => _consumer.Close();

    public void Dispose() => _consumer.Dispose();

    private sealed class Listener(IPartitionOwner owner) : IRebalanceListener
    {
        public IReadOnlyList<PartitionOffset> Assigned(IReadOnlyList<TopicPartition> partitions) =>
            [.. owner.Assigned(partitions).Select(start => new PartitionOffset(start.Partition, start.From ?? PartitionOffset.Beginning))];

        public void Revoked(IReadOnlyList<TopicPartition> partitions) => owner.Revoked(partitions);

        public void Lost(IReadOnlyList<TopicPartition> partitions) => owner.Lost(partitions);
    }
}
