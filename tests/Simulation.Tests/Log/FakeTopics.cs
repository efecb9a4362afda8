using Streams.Processors;
using Streams.Processors.Testing;

namespace Simulation.Tests.Log;

/// <summary>A transaction of a producer: open, then committed or aborted.</summary>
internal sealed class LogTransaction
{
    /// <summary><c>null</c> while it is open.</summary>
    public bool? IsCommitted { get; set; }
}

/// <summary>The partitions of the fake log.</summary>
internal sealed class FakeTopics
{
    private readonly SortedDictionary<TopicPartition, List<Entry>> _partitions = [];
    private readonly Dictionary<string, int> _counts = new(StringComparer.Ordinal);

    private sealed record Entry(LogRecord Record, LogTransaction? Transaction);

    /// <summary>Grows whenever there may be more to read.</summary>
    public long Changes { get; private set; }

    public void Create(string topic, int partitions)
    {
        _counts.Add(topic, partitions);
        for (var i = 0; i < partitions; i++)
        {
            _partitions.Add(new TopicPartition(topic, i), []);
        }
    }

    public IEnumerable<TopicPartition> PartitionsOf(string topic) => _partitions.Keys.Where(p => p.Topic == topic);

    /// <summary>The partition of a key: always the same.</summary>
    public TopicPartition PartitionFor(string topic, ReadOnlySpan<byte> key)
    {
        uint hash = 2166136261;
        foreach (var b in key)
        {
            hash = (hash ^ b) * 16777619;
        }

        return new TopicPartition(topic, (int)(hash % (uint)_counts[topic]));
    }

    /// <param name="partition">Where to.</param>
    /// <param name="record">The record; its offset is given here.</param>
    /// <param name="transaction">The transaction it is part of, if any.</param>
    /// <param name="gap">How many offsets are passed over first, as control records take them.</param>
    public void Append(TopicPartition partition, LogRecord record, LogTransaction? transaction = null, int gap = 0)
    {
        _partitions[partition].Add(new Entry(record with { Offset = EndOf(partition) + gap }, transaction));
        Changes++;
    }

    /// <summary>A transaction has ended: what is behind its records may be read.</summary>
    public void Settled() => Changes++;

    /// <summary>Whether a consumer that reads only what is committed has more to read, from an offset on.</summary>
    public bool HasCommitted(TopicPartition partition, long from) => Committed(partition).Any(r => r.Offset >= from);

    /// <summary>The offset after the last record.</summary>
    public long EndOf(TopicPartition partition) => _partitions[partition] is { Count: > 0 } entries ? entries[^1].Record.Offset + 1 : 0;

    /// <summary>Committed records from an offset on.</summary>
    public IReadOnlyList<LogRecord> Read(TopicPartition partition, long from, int most) =>
        [.. Committed(partition).SkipWhile(r => r.Offset < from).Take(most)];

    /// <summary>What a consumer sees that reads only what is committed.</summary>
    public IEnumerable<(TopicPartition Partition, LogRecord Record)> ReadCommitted(string topic) =>
        PartitionsOf(topic).SelectMany(partition => Committed(partition).Select(record => (partition, record)));

    private IEnumerable<LogRecord> Committed(TopicPartition partition) =>
        from entry in _partitions[partition].TakeWhile(e => e.Transaction is null or { IsCommitted: not null })
        where entry.Transaction is null or { IsCommitted: true }
        select entry.Record;
}
