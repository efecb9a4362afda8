namespace Streams.Processors;

/// <summary>Rows for one table, by column. One buffer per table and commit cycle.</summary>
internal sealed class RowBuffer : IDisposable
{
    private readonly int[] _keyColumns;
    private int _accepted;

    public RowBuffer(TableSchema table, IEnumerable<Column>? columns = null)
    {
        Table = table;
        Columns = [.. (columns ?? table.WrittenColumns).Select(ColumnBuffer.For)];
        _keyColumns = [.. Columns.Select((c, i) => (c, i)).Where(p => p.c.Column.Merge == MergeRule.Key).Select(p => p.i)];
    }

    public TableSchema Table { get; }

    public IReadOnlyList<ColumnBuffer> Columns { get; }

    public int Count => Columns.Count == 0 ? 0 : Columns[^1].Count;

    public long SizeBytes
    {
        get
        {
            long size = 0;
            for (var i = 0; i < Columns.Count; i++)
            {
                size += Columns[i].SizeBytes;
            }

            return size;
        }
    }

    /// <summary>Drops the half-written row after a column refused its value.</summary>
    public void TruncateTo(int rows)
    {
        foreach (var column in Columns)
        {
            column.Truncate(Math.Min(rows, column.Count));
        }
    }

    public void Accept() => _accepted = Count;

    public void Discard() => TruncateTo(_accepted);

    public void Clear()
    {
        TruncateTo(0);
        _accepted = 0;
    }

    /// <summary>
    /// The row numbers in key order: the order in which every node writes, so that two cannot deadlock. Of several rows
    /// with one key only the last stays.
    /// </summary>
    public int[] SortedByKey()
    {
        var order = new int[Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        if (_keyColumns.Length == 0)
        {
            return order;
        }

        Array.Sort(order, CompareRows);
        var kept = 0;
        for (var i = 0; i < order.Length; i++)
        {
            if (i + 1 == order.Length || CompareKeys(order[i], order[i + 1]) != 0)
            {
                order[kept++] = order[i];
            }
        }

        return kept == order.Length ? order : order[..kept];
    }

    /// <summary>The same deltas with one row per key: this buffer itself, unless keys come more than once.</summary>
    public RowBuffer MergedByKey()
    {
        var order = new int[Count];
        for (var i = 0; i < order.Length; i++)
        {
            order[i] = i;
        }

        Array.Sort(order, CompareRows);
        if (!order.Skip(1).Where((row, i) => CompareKeys(order[i], row) == 0).Any())
        {
            return this;
        }

        var merged = new RowBuffer(Table, Columns.Select(c => c.Column));
        for (var i = 0; i < order.Length; i++)
        {
            var starts = i == 0 || CompareKeys(order[i - 1], order[i]) != 0;
            for (var column = 0; column < Columns.Count; column++)
            {
                if (starts)
                {
                    merged.Columns[column].AppendFrom(Columns[column], order[i]);
                }
                else if (Columns[column].Column is { Merge: not MergeRule.Key } rule)
                {
                    var into = merged.Columns[column];
                    var row = into.Count - 1;
                    into.SetValue(row, MergeRules.Merge(rule, into.ValueAt(row), Columns[column].ValueAt(order[i]))!);
                }
            }
        }

        return merged;
    }

    public int CompareKeys(int row, int otherRow)
    {
        foreach (var column in _keyColumns)
        {
            var order = Columns[column].Compare(row, otherRow);
            if (order != 0)
            {
                return order;
            }
        }

        return 0;
    }

    /// <summary>Appends all rows of another buffer of the same table.</summary>
    public void AppendAll(RowBuffer other)
    {
        for (var i = 0; i < Columns.Count; i++)
        {
            for (var row = 0; row < other.Count; row++)
            {
                Columns[i].AppendFrom(other.Columns[i], row);
            }
        }
    }

    public void Dispose()
    {
        foreach (var column in Columns)
        {
            column.Dispose();
        }
    }

    private int CompareRows(int row, int otherRow)
    {
        var order = CompareKeys(row, otherRow);
        return order != 0 ? order : row.CompareTo(otherRow);
    }
}
