namespace Streams.Processors;

/// <summary>The deltas of one aggregate: per (window, group), what to merge into its row.</summary>
internal abstract class AggregateChanges(TableSchema table)
{
    public TableSchema Table { get; } = table;

    public abstract int Count { get; }

    public abstract long SizeBytes { get; }

    /// <summary>Keeps what was added since the last call: its batch went through.</summary>
    public abstract void Accept();

    /// <summary>Undoes what was added since the last <see cref="Accept"/>: its batch is run again.</summary>
    public abstract void Discard();

    /// <summary>Takes in the deltas of another task.</summary>
    public abstract void MergeFrom(AggregateChanges other);

    /// <summary>An empty map of the same aggregate.</summary>
    public abstract AggregateChanges CreateEmpty();

    /// <summary>The deltas as rows; see <see cref="RowBuffer.SortedByKey"/> for the order to write them in.</summary>
    public abstract RowBuffer ToRows();

    public abstract void Clear();
}

/// <summary>The map itself: keys in a dictionary, deltas in columns beside it.</summary>
internal sealed class DeltaMap<TGroup, TValue> : AggregateChanges
{
    private const int BytesPerRow = 160;
    private readonly Dictionary<WindowedKey<TGroup>, int> _rows = [];
    private readonly AggregateShape<TGroup, TValue> _shape;
    private readonly Accumulator<TValue>[] _accumulators;
    private readonly List<WindowedKey<TGroup>> _keys = [];
    private long _keyBytes;
    private int _acceptedRows;
    private long _acceptedKeyBytes;

    public DeltaMap(AggregateShape<TGroup, TValue> shape) : base(shape.Table)
    {
        _shape = shape;
        _accumulators = [.. shape.Columns.Select(c => c.Create).OfType<Func<Accumulator<TValue>>>().Select(create => create())];
    }

    public override int Count => _keys.Count;

    public override long SizeBytes => ((long)Count * BytesPerRow) + (2 * _keyBytes);

    /// <summary>Adds a record's value to its group.</summary>
    /// <exception cref="RecordRejectedException">The group cannot be a key in PostgreSQL.</exception>
    public void Add(in WindowedKey<TGroup> key, in TValue value)
    {
        if (!_rows.TryGetValue(key, out var row))
        {
            _keyBytes += _shape.Key.Check(key.Group, Table.Name);
            row = AddRow(key);
        }

        foreach (var accumulator in _accumulators)
        {
            accumulator.Add(row, in value);
        }
    }

    public override void Accept()
    {
        (_acceptedRows, _acceptedKeyBytes) = (_keys.Count, _keyBytes);
        foreach (var accumulator in _accumulators)
        {
            accumulator.Accept();
        }
    }

    public override void Discard()
    {
        for (var row = _acceptedRows; row < _keys.Count; row++)
        {
            _rows.Remove(_keys[row]);
        }

        _keys.RemoveRange(_acceptedRows, _keys.Count - _acceptedRows);
        _keyBytes = _acceptedKeyBytes;
        foreach (var accumulator in _accumulators)
        {
            accumulator.Discard();
        }
    }

    public override void MergeFrom(AggregateChanges other)
    {
        var map = (DeltaMap<TGroup, TValue>)other;
        for (var otherRow = 0; otherRow < map._keys.Count; otherRow++)
        {
            var key = map._keys[otherRow];
            if (!_rows.TryGetValue(key, out var row))
            {
                row = AddRow(key);
            }

            for (var i = 0; i < _accumulators.Length; i++)
            {
                _accumulators[i].Merge(row, map._accumulators[i], otherRow);
            }
        }

        _keyBytes += map._keyBytes;
    }

    public override AggregateChanges CreateEmpty() => new DeltaMap<TGroup, TValue>(_shape);

    public override RowBuffer ToRows()
    {
        var rows = new RowBuffer(Table);
        var firstKey = _shape.IsWindowed ? 1 : 0;
        for (var row = 0; row < _keys.Count; row++)
        {
            if (_shape.IsWindowed)
            {
                ((ColumnBuffer<DateTime>)rows.Columns[0]).Append(_keys[row].WindowStart);
            }

            _shape.Key.Append(_keys[row].Group, rows.Columns, firstKey);
            for (var i = 0; i < _accumulators.Length; i++)
            {
                _accumulators[i].AppendTo(rows.Columns[firstKey + _shape.Key.Count + i], row);
            }
        }

        if (_shape.Key.IsExact)
        {
            return rows;
        }

        var merged = rows.MergedByKey();
        if (merged != rows)
        {
            rows.Dispose();
        }

        return merged;
    }

    public override void Clear()
    {
        _rows.Clear();
        _keys.Clear();
        _keyBytes = _acceptedKeyBytes = _acceptedRows = 0;
        foreach (var accumulator in _accumulators)
        {
            accumulator.Clear();
        }
    }

    private int AddRow(in WindowedKey<TGroup> key)
    {
        var row = _keys.Count;
        _rows.Add(key, row);
        _keys.Add(key);
        return row;
    }
}

/// <summary>A group in a window. Unwindowed aggregates use <c>default</c> for the start.</summary>
internal readonly record struct WindowedKey<TGroup>(DateTime WindowStart, TGroup Group);

/// <summary>What an aggregate looks like: its table, its key and its value columns.</summary>
internal sealed record AggregateShape<TGroup, TValue>(TableSchema Table, bool IsWindowed, KeyShape<TGroup> Key, IReadOnlyList<AggregateColumn<TValue>> Columns);
