using System.Runtime.ExceptionServices;
using Confluent.Kafka;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>
/// Which partitions the consumer owns: stands between Confluent.Kafka's rebalance callbacks and the listener.
/// </summary>
/// <remarks>
/// Confluent.Kafka registers its callback with librdkafka when the consumer is built. librdkafka calls it from whatever
/// serves the consumer's queue, so from our batch reads, on the polling thread. What the assigned handler returns is handed
/// to (incremental) assign at once. An exception of a handler would be kept for the next <c>Consume</c>, which never comes:
/// so it is caught here, and Poll throws it.
/// </remarks>
internal sealed class Ownership(IRebalanceListener listener)
{
    private readonly HashSet<TopicPartition> _owned = [];
    private readonly HashSet<TopicPartition> _takenDuringRead = [];
    private readonly HashSet<TopicPartition> _stopped = [];
    private readonly Dictionary<TopicPartition, long> _rereads = [];
    private ExceptionDispatchInfo? _failure;

    /// <summary>Grows with each change.</summary>
    public int Version { get; private set; }

    /// <summary>
    /// Partitions that are to be read from another offset: those that were rewound, and those that came back within the read
    /// that they were taken away in. What was read of the latter may be from before: it is dropped, and read again.
    /// </summary>
    public IReadOnlyDictionary<TopicPartition, long> Rereads => _rereads;

    public IReadOnlyCollection<TopicPartition> Partitions => _owned;

    public bool Owns(TopicPartition partition) => _owned.Contains(partition) && !_rereads.ContainsKey(partition);

    /// <summary>A read that may return records from before a rebalance begins.</summary>
    public void ReadBegins() => _takenDuringRead.Clear();

    public void Reread(TopicPartition partition)
    {
        _rereads.Remove(partition);
        Version++;
    }

    /// <summary>The library has stopped reading a partition: the offset to go on from is not there.</summary>
    public void Stopped(TopicPartition partition)
    {
        if (_owned.Contains(partition))
        {
            _stopped.Add(partition);
        }
    }

    /// <summary>Whether a partition's reading had stopped; it is started now.</summary>
    public bool Restarted(TopicPartition partition)
    {
        if (!_stopped.Remove(partition))
        {
            return false;
        }

        Version++;
        return true;
    }

    /// <summary>A partition is to be read again from an offset: until that is so, what comes of it is dropped.</summary>
    public void Rewind(PartitionOffset to)
    {
        if (_owned.Contains(to.Partition))
        {
            _rereads[to.Partition] = to.Offset;
            Version++;
        }
    }

    public IEnumerable<TopicPartitionOffset> Assigned(List<Confluent.Kafka.TopicPartition> list)
    {
        Version++;
        var partitions = Ours(list);
        try
        {
            var starts = listener.Assigned(partitions);
            var byPartition = starts.ToDictionary(start => start.Partition, start => start.Offset);
            if (byPartition.Count != partitions.Count || !partitions.TrueForAll(byPartition.ContainsKey))
            {
                throw new InvalidOperationException(
                    $"The rebalance listener was given {string.Join(", ", partitions)} and returned start offsets for "
                    + $"{string.Join(", ", starts)}: it must return one for each.");
            }

            foreach (var (partition, offset) in byPartition)
            {
                _owned.Add(partition);
                if (_takenDuringRead.Contains(partition))
                {
                    _rereads[partition] = offset;
                }
            }

            return [.. list.Select(p => new TopicPartitionOffset(p, new Offset(byPartition[new(p.Topic, p.Partition.Value)])))];
        }
        catch (Exception e)
        {
            // librdkafka waits for an assignment, whatever happens: it gets one, whose records are dropped until Close.
            Keep(e);
            return [.. list.Select(p => new TopicPartitionOffset(p, Offset.End))];
        }
    }

    public void Revoked(List<TopicPartitionOffset> list) => Taken(list, listener.Revoked);

    public void Lost(List<TopicPartitionOffset> list) => Taken(list, listener.Lost);

    /// <summary>Whether a handler has thrown.</summary>
    public bool Failed => _failure is not null;

    /// <summary>Throws what a handler threw.</summary>
    public void ThrowIfFailed() => _failure?.Throw();

    private void Taken(List<TopicPartitionOffset> list, Action<IReadOnlyList<TopicPartition>> handler)
    {
        Version++;
        var partitions = Ours(list.ConvertAll(p => p.TopicPartition));
        try
        {
            handler(partitions);
        }
        catch (Exception e)
        {
            Keep(e);
        }

        foreach (var partition in partitions)
        {
            _owned.Remove(partition);
            _rereads.Remove(partition);
            _stopped.Remove(partition);
            _takenDuringRead.Add(partition);
        }
    }

    private void Keep(Exception e) => _failure ??= ExceptionDispatchInfo.Capture(e);

    private static List<TopicPartition> Ours(List<Confluent.Kafka.TopicPartition> list) =>
        list.ConvertAll(p => new TopicPartition(p.Topic, p.Partition.Value));
}
