using Streams.Hosting.Kafka;
using Streams.Processors;

namespace Simulation.Tests.Log;

/// <summary>
/// The offsets of the group: committed ones, and those of transactions that have not ended. Of two commits the one that was written
/// later counts, whichever of their transactions ends first.
/// </summary>
internal sealed class GroupOffsets
{
    private readonly SortedDictionary<TopicPartition, PartitionOffset> _committed = [];
    private readonly Dictionary<TopicPartition, long> _committedAs = [];
    private readonly List<(LogTransaction Transaction, long Written, PartitionOffset Offset)> _pending = [];
    private long _written;

    public IReadOnlyDictionary<TopicPartition, PartitionOffset> Committed => _committed;

    public void Commit(PartitionOffset offset) => Commit(offset, ++_written);

    public void AddPending(LogTransaction transaction, PartitionOffset offset) => _pending.Add((transaction, ++_written, offset));

    /// <summary>Whether a transaction could still change the offset.</summary>
    public bool IsUnstable(TopicPartition partition) => _pending.Exists(p => p.Offset.Partition == partition);

    /// <summary>The transaction has ended.</summary>
    public void Settle(LogTransaction transaction)
    {
        foreach (var (_, written, offset) in _pending.Where(p => p.Transaction == transaction && transaction.IsCommitted == true))
        {
            Commit(offset, written);
        }

        _pending.RemoveAll(p => p.Transaction == transaction);
    }

    private void Commit(PartitionOffset offset, long written)
    {
        if (written > _committedAs.GetValueOrDefault(offset.Partition))
        {
            _committed[offset.Partition] = offset;
            _committedAs[offset.Partition] = written;
        }
    }
}
