using Streams;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Simulation.Tests.Store;

/// <summary>A row of the table of partitions.</summary>
internal sealed record PartitionRow(long Epoch, long? NextOffset, DateTime? StreamTime)
{
    /// <summary>The number of the last request to replay a dead letter.</summary>
    public long LastReplay { get; init; }
}

/// <summary>A transaction: what it wrote, which only it sees, and the locks it holds.</summary>
internal sealed class Session(string name)
{
    public string Name { get; } = name;

    public List<string> Held { get; } = [];

    public SortedDictionary<TopicPartition, PartitionRow> Partitions { get; } = [];

    /// <summary>Rows as they will be; <c>null</c> for those that will be no more.</summary>
    public List<(Table Table, RowKey Key, object?[]? Row)> Rows { get; } = [];

    public List<DeadLetter> DeadLetters { get; } = [];

    public List<ReplayMark> Replays { get; } = [];

    /// <summary>Letters that somebody wants replayed, with the numbers they get.</summary>
    public List<(TopicPartition Partition, long Offset, long Number)> Requests { get; } = [];

    public bool IsEnded { get; private set; }

    public bool IsCommitted { get; private set; }

    /// <summary>Grows with each statement: how the server knows that it has been idle since.</summary>
    public int Statements { get; set; }

    public void End(bool committed)
    {
        IsEnded = true;
        IsCommitted = committed;
    }

    public void ThrowIfEnded()
    {
        if (IsEnded)
        {
            throw new IOException($"The server has ended the transaction {Name}.");
        }
    }
}

/// <summary>A table's committed rows.</summary>
internal sealed class Table(TableSchema schema)
{
    public TableSchema Schema { get; } = schema;

    public SortedDictionary<RowKey, object?[]> Rows { get; } = [];

    public RowKey KeyOf(object?[] row) => new([.. row.Where((_, i) => Schema.Columns[i].Merge == MergeRule.Key).Select(v => v!)]);

    /// <summary>The row as it will be: merged into the one that stands, by PostgreSQL's rules.</summary>
    public object?[] Merge(RowKey key, object?[] incoming) => !Rows.TryGetValue(key, out var current)
        ? incoming
        : [.. Schema.Columns.Select((column, i) => MergeRules.Merge(column, current[i], incoming[i]))];
}
