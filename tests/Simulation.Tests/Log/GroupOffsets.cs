using Streams.Hosting.Kafka;
using Streams.Processors;

namespace Simulation.Tests.Log;

/// <summary>The offsets of the group: committed ones, and those of transactions that have not ended.</summary>
internal sealed class GroupOffsets
{
    private readonly SortedDictionary<TopicPartition, PartitionOffset> _committed = [];
    private readonly List<(LogTransaction Transaction, PartitionOffset Offset)> _pending = [];

    public IReadOnlyDictionary<TopicPartition, PartitionOffset> Committed => _committed;

    public void Commit(PartitionOffset offset) => _committed[offset.Partition] = offset;

    public void AddPending(LogTransaction transaction, PartitionOffset offset) => _pending.Add((transaction, offset));

    /// <summary>Whether a transaction could still change the offset.</summary>
    public bool IsUnstable(TopicPartition partition) => _pending.Exists(p => p.Offset.Partition == partition);

    /// <summary>The transaction has ended.</summary>
    public void Settle(LogTransaction transaction)
    {
        foreach (var (_, offset) in _pending.Where(p => p.Transaction == transaction && transaction.IsCommitted == true))
        {
            Commit(offset);
        }

        _pending.RemoveAll(p => p.Transaction == transaction);
    }
}
