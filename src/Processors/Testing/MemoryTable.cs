using System.Text;

namespace Streams.Processors.Testing;

/// <summary>
/// One table in memory, with a transaction's changes staged beside what is committed. Rows are arrays with a value per
/// column of the table, computed ones included.
/// </summary>
internal sealed class MemoryTable(TableSchema schema)
{
    private readonly SortedDictionary<RowKey, object?[]> _committed = [];
    private readonly SortedDictionary<RowKey, object?[]?> _staged = [];

    public TableSchema Schema { get; } = schema;

    /// <summary>The committed rows, in key order.</summary>
    public IReadOnlyCollection<object?[]> Rows => _committed.Values;

    /// <summary>Stages a buffer of rows; they are what a task wrote in one cycle.</summary>
    /// <exception cref="InvalidOperationException">A row is appended a second time.</exception>
    public void Stage(RowBuffer rows)
    {
        if (Schema.Sessions is not null)
        {
            StageSessions(rows);
            return;
        }

        foreach (var row in rows.SortedByKey())
        {
            var incoming = Read(rows, row);
            var key = KeyOf(incoming);
            if (!_staged.TryGetValue(key, out var current))
            {
                _committed.TryGetValue(key, out current);
            }

            if (current is not null && Schema.Kind == TableKind.Append)
            {
                throw new InvalidOperationException($"Table {Schema.Name}: the row {key} is appended a second time.");
            }

            _staged[key] = Schema.Kind == TableKind.State && incoming[^1] is null ? null : Compute(current is null ? incoming : Merge(current, incoming));
        }
    }

    /// <summary>Gives a batch the states that are committed.</summary>
    public void Load(TopicPartition partition, StateLoad load)
    {
        var keys = load.Keys;
        load.Complete(
        [
            .. Enumerable.Range(0, keys.Count)
                .Select(row => new RowKey([partition.Topic, partition.Partition, .. keys.Columns.Select(c => c.ValueAt(row)!)]))
                .Select(key => _committed.TryGetValue(key, out var row) ? Encoding.UTF8.GetBytes((string)row[^1]!) : null),
        ]);
    }

    /// <summary>The staged rows with all columns of the table, in key order.</summary>
    public RowBuffer StagedRows()
    {
        var totals = new RowBuffer(Schema, Schema.Columns);
        foreach (var row in _staged.Values.OfType<object?[]>())
        {
            for (var i = 0; i < row.Length; i++)
            {
                totals.Columns[i].AppendValue(row[i]);
            }
        }

        return totals;
    }

    /// <summary>The key columns of rows that stand no more, in key order.</summary>
    public RowBuffer GoneRows()
    {
        var gone = new RowBuffer(Schema, Schema.KeyColumns);
        foreach (var (key, _) in _staged.Where(s => s.Value is null))
        {
            for (var i = 0; i < gone.Columns.Count; i++)
            {
                gone.Columns[i].AppendValue(key[i]);
            }
        }

        return gone;
    }

    public void Commit()
    {
        foreach (var (key, row) in _staged)
        {
            if (row is null)
            {
                _committed.Remove(key);
            }
            else
            {
                _committed[key] = row;
            }
        }

        _staged.Clear();
    }

    public void Rollback() => _staged.Clear();

    private void StageSessions(RowBuffer rows)
    {
        foreach (var group in rows.SortedByKey().Select(row => Read(rows, row)).GroupBy(row => GroupOf(KeyOf(row))))
        {
            var committed = _committed.Where(r => GroupOf(r.Key).Equals(group.Key) && !_staged.ContainsKey(r.Key)).Select(r => r.Value);
            var staged = _staged.Where(r => GroupOf(r.Key).Equals(group.Key)).Select(r => r.Value).OfType<object?[]>();
            var (changed, gone) = SessionMerge.Merge(Schema, committed.Concat(staged), group);
            foreach (var row in gone)
            {
                // What came and went within the transaction was never there for others.
                if (_committed.ContainsKey(KeyOf(row)))
                {
                    _staged[KeyOf(row)] = null;
                }
                else
                {
                    _staged.Remove(KeyOf(row));
                }
            }

            foreach (var row in changed)
            {
                _staged[KeyOf(row)] = Compute(row);
            }
        }
    }

    private static RowKey GroupOf(RowKey key) => key.WithoutLast();

    private object?[] Read(RowBuffer rows, int row)
    {
        var values = new object?[Schema.Columns.Count];
        var written = 0;
        for (var i = 0; i < values.Length; i++)
        {
            if (Schema.Columns[i].Merge != MergeRule.Quotient)
            {
                values[i] = rows.Columns[written++].ValueAt(row);
            }
        }

        return values;
    }

    private RowKey KeyOf(object?[] row) => new([.. row.Where((_, i) => Schema.Columns[i].Merge == MergeRule.Key).Select(v => v!)]);

    private object?[] Merge(object?[] current, object?[] incoming) =>
    [
        .. Schema.Columns.Select((column, i) =>
            column.Merge == MergeRule.Quotient ? null : MergeRules.Merge(column, current[i], incoming[i])),
    ];

    private object?[] Compute(object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            if (Schema.Columns[i] is { Merge: MergeRule.Quotient } column)
            {
                row[i] = MergeRules.Quotient(Of(column.Dividend!), Of(column.Divisor!));
            }
        }

        return row;

        object? Of(string name) => row[Schema.Columns.Select(c => c.Name).ToList().IndexOf(name)];
    }
}
