using Microsoft.Extensions.Logging;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>The consumer, as the runtime sees it.</summary>
internal sealed class KafkaRecordReader : IRecordReader
{
    private readonly KafkaConsumer _consumer;
    private readonly List<NativeRecordBatch> _batches = [];
    private readonly Lock _closing = new();
    private int? _closingThread;

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

    public void Rewind(TopicPartition partition, long? offset) => _consumer.Rewind(new PartitionOffset(partition, offset ?? PartitionOffset.Beginning));

    public void CommitOffsets(IReadOnlyCollection<(TopicPartition Partition, long NextOffset)> offsets)
    {
        lock (_closing)
        {
            // While the group is being left, only the thread that leaves it (which hears of revoked partitions) may go on.
            if (_closingThread is null || _closingThread == Environment.CurrentManagedThreadId)
            {
                _consumer.CommitOffsets([.. offsets.Select(o => new PartitionOffset(o.Partition, o.NextOffset))]);
            }
        }
    }

    public long? EndOffset(TopicPartition partition)
    {
        lock (_closing)
        {
            return _closingThread is null ? _consumer.WatermarkOffsets(partition)?.High : null;
        }
    }

    public IReadOnlyList<LogPosition> Committed(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout) =>
        [.. _consumer.Committed(partitions, timeout).Select(c => c.Offset).OfType<PartitionOffset>().Select(PositionMetadata.ToPosition)];

    /// <summary>This node's place in the group, for a transaction. The caller disposes it.</summary>
    public GroupMetadata Membership() => _consumer.GroupMetadata();

    public void Close()
    {
        lock (_closing)
        {
            _closingThread = Environment.CurrentManagedThreadId;
        }

        _consumer.Close();
    }

    public void Dispose() => _consumer.Dispose();

    private sealed class Listener(IPartitionOwner owner) : IRebalanceListener
    {
        public IReadOnlyList<PartitionOffset> Assigned(IReadOnlyList<TopicPartition> partitions) =>
            [.. owner.Assigned(partitions).Select(start => new PartitionOffset(start.Partition, start.From ?? PartitionOffset.Beginning))];

        public void Revoked(IReadOnlyList<TopicPartition> partitions) => owner.Revoked(partitions);

        public void Lost(IReadOnlyList<TopicPartition> partitions) => owner.Lost(partitions);
    }
}
