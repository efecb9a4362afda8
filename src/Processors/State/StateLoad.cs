using System.Text;

namespace Streams.Processors;

/// <summary>Keys whose states a batch needs and its task does not have: to be read from the table, and then the batch is run again.</summary>
internal abstract class StateLoad(TableSchema table) : IDisposable
{
    /// <summary>The columns that come before the key's own: the topic and the partition.</summary>
    public const int TaskColumns = 2;

    /// <summary>The table of states.</summary>
    public TableSchema Table { get; } = table;

    /// <summary>The keys' own columns, a row per key; each key comes once.</summary>
    public RowBuffer Keys { get; } = new(table, table.KeyColumns.Skip(TaskColumns));

    /// <summary>Takes what was read.</summary>
    /// <param name="states">By the rows of <see cref="Keys"/>: the states, encoded; <c>null</c> for keys that have none. Not to be changed afterwards.</param>
    public abstract void Complete(IReadOnlyList<byte[]?> states);

    public void Dispose() => Keys.Dispose();
}

/// <summary>Loads into a cache.</summary>
internal sealed class StateLoad<TKey>(TableSchema table, KeyShape<TKey> shape, StateCache<TKey> cache, TopicPartition partition) : StateLoad(table)
    where TKey : notnull
{
    private readonly Dictionary<TKey, int> _rows = [];

    // In the index, every key has these two before it.
    private readonly long _taskBytes = Encoding.UTF8.GetByteCount(partition.Topic) + sizeof(int);

    public int Count => _rows.Count;

    /// <summary>Asks for a key's state.</summary>
    /// <exception cref="RecordRejectedException">It cannot be a key in PostgreSQL.</exception>
    public void Add(TKey key)
    {
        if (!_rows.ContainsKey(key))
        {
            PostgresText.CheckKeySize(_taskBytes + shape.Check(key, Table.Name), Table.Name);
            shape.Append(key, Keys.Columns, firstColumn: 0);
            _rows.Add(key, _rows.Count);
        }
    }

    public override void Complete(IReadOnlyList<byte[]?> states)
    {
        foreach (var (key, row) in _rows)
        {
            cache.Put(key, new CachedState(states[row], Cycle: 0));
        }
    }

    public void Clear()
    {
        _rows.Clear();
        Keys.Clear();
    }
}
