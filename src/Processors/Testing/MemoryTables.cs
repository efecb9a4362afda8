namespace Streams.Processors.Testing;

/// <summary>
/// All tables of a topology in memory, with its dead letters: takes change sets in transactions, as PostgreSQL does, and
/// merges rows by the same rules. Not thread-safe; one transaction at a time, as row locks would have it.
/// </summary>
internal sealed class MemoryTables
{
    private readonly IReadOnlyList<MemoryTable> _tables;
    private readonly SortedDictionary<(TopicPartition Partition, long Offset), DeadLetter> _deadLetters = [];
    private MemoryTransaction? _open;

    public MemoryTables(Topology topology) => _tables = [.. topology.Tables.Select(schema => new MemoryTable(schema))];

    /// <summary>The committed dead letters, by topic, partition and offset.</summary>
    public IReadOnlyCollection<DeadLetter> DeadLetters => _deadLetters.Values;

    /// <summary>The tables' declarations.</summary>
    public IEnumerable<TableSchema> Schemas => _tables.Select(t => t.Schema);

    /// <summary>A table's committed rows, in key order; each has a value per column of the table. JSON is text.</summary>
    /// <exception cref="ArgumentException">There is no such table.</exception>
    public IReadOnlyList<object?[]> Rows(string table, string? schema = null) => [.. Find(table, schema).Rows];

    /// <summary>The declaration of a table.</summary>
    /// <exception cref="ArgumentException">There is no such table.</exception>
    public TableSchema Schema(string table, string? schema = null) => Find(table, schema).Schema;

    /// <summary>Writes the change sets in a transaction and gives the totals; nothing shows until it is committed.</summary>
    /// <exception cref="InvalidOperationException">A row or a dead letter would be there twice, or another transaction is open.</exception>
    public MemoryTransaction Begin(IReadOnlyList<ChangeSet> changes)
    {
        if (_open is not null)
        {
            throw new InvalidOperationException("Another transaction is open; commit or dispose it first.");
        }

        var transaction = new MemoryTransaction(this, [.. changes.SelectMany(c => c.DeadLetters)]);
        _open = transaction;
        try
        {
            foreach (var letter in transaction.DeadLetters.Where(l => _deadLetters.ContainsKey((l.Partition, l.Offset))))
            {
                throw new InvalidOperationException($"The dead letter {letter.Partition}@{letter.Offset} is written a second time.");
            }

            foreach (var change in changes)
            {
                Stage(change.Rows);
                foreach (var aggregate in change.Aggregates.Where(a => a.Count > 0))
                {
                    using var rows = aggregate.ToRows();
                    Stage([rows]);
                }
            }

            transaction.Totals = Changed(changes, table => table.StagedRows());
            transaction.Gone = Changed(changes, table => table.GoneRows());
            return transaction;
        }
        catch
        {
            transaction.Dispose();
            throw;
        }
    }

    /// <summary>Gives a batch of a partition the states that are committed.</summary>
    public void Load(TopicPartition partition, IReadOnlyList<StateLoad> loads)
    {
        foreach (var load in loads)
        {
            Find(load.Table.Name, load.Table.Schema).Load(partition, load);
        }
    }

    /// <summary>Writes and commits the change sets at once.</summary>
    public void Apply(params IReadOnlyList<ChangeSet> changes)
    {
        using var transaction = Begin(changes);
        transaction.Commit();
    }

    internal void Commit(MemoryTransaction transaction)
    {
        if (transaction != _open)
        {
            throw new InvalidOperationException("This transaction is over.");
        }

        foreach (var letter in transaction.DeadLetters)
        {
            _deadLetters.Add((letter.Partition, letter.Offset), letter);
        }

        foreach (var table in _tables)
        {
            table.Commit();
        }

        _open = null;
    }

    internal void Rollback(MemoryTransaction transaction)
    {
        if (transaction == _open)
        {
            foreach (var table in _tables)
            {
                table.Rollback();
            }

            _open = null;
        }
    }

    private void Stage(IReadOnlyList<RowBuffer> buffers)
    {
        foreach (var rows in buffers.Where(r => r.Count > 0))
        {
            Find(rows.Table.Name, rows.Table.Schema).Stage(rows);
        }
    }

    private List<RowBuffer> Changed(IReadOnlyList<ChangeSet> changes, Func<MemoryTable, RowBuffer> rows) =>
    [
        .. changes.SelectMany(c => c.Aggregates).Where(a => a.Table.ChangelogTopic is not null && a.Count > 0)
            .Select(a => Find(a.Table.Name, a.Table.Schema)).Distinct().Select(rows),
    ];

    private MemoryTable Find(string table, string? schema) =>
        _tables.FirstOrDefault(t => t.Schema.Name == table && t.Schema.Schema == schema)
        ?? throw new ArgumentException($"The topology has no table '{(schema is null ? table : $"{schema}.{table}")}'; it has {string.Join(", ", _tables.Select(t => $"'{t.Schema.Name}'"))}.");
}

/// <summary>Change sets that are written and wait for their commit. Disposing it without one rolls it back.</summary>
internal sealed class MemoryTransaction(MemoryTables tables, IReadOnlyList<DeadLetter> deadLetters) : IDisposable
{
    /// <summary>The new totals of the rows that changed: one buffer, with all columns, per changed aggregate that has a changelog topic.</summary>
    public IReadOnlyList<RowBuffer> Totals { get; internal set; } = [];

    /// <summary>The keys of rows that stand no more, one buffer for each one of <see cref="Totals"/>.</summary>
    public IReadOnlyList<RowBuffer> Gone { get; internal set; } = [];

    public IReadOnlyList<DeadLetter> DeadLetters { get; } = deadLetters;

    public void Commit() => tables.Commit(this);

    public void Dispose()
    {
        tables.Rollback(this);
        foreach (var rows in Totals.Concat(Gone))
        {
            rows.Dispose();
        }
    }
}
