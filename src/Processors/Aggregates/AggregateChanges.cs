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

    /// <summary>
    /// Keys under which an earlier run of the same records may have sent totals, where records of other tasks make keys move: those of
    /// sessions. <c>null</c> if there are none.
    /// </summary>
    /// <param name="isRepeated">The same deltas may have been sent; else only those of records that are muted may.</param>
    public abstract RowBuffer? EarlierKeys(bool isRepeated);

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
    private readonly List<WindowedKey<TGroup>> _muted = [];
    private long _keyBytes;
    private int _acceptedRows;
    private int _acceptedMuted;
    private long _acceptedKeyBytes;

    public DeltaMap(AggregateShape<TGroup, TValue> shape) : base(shape.Table)
    {
        _shape = shape;
        _accumulators = [.. shape.Columns.Select(c => c.Create).OfType<Func<Accumulator<TValue>>>().Select(create => create())];
    }

    public override int Count => _keys.Count;

    public override long SizeBytes => (((long)Count + _muted.Count) * BytesPerRow) + (2 * _keyBytes);

    /// <summary>Adds a record's value and time to its group.</summary>
    /// <exception cref="RecordRejectedException">The group cannot be a key in PostgreSQL.</exception>
    public void Add(in WindowedKey<TGroup> key, in TValue value, DateTime time)
    {
        if (!_rows.TryGetValue(key, out var row))
        {
            _keyBytes += _shape.Key.Check(key.Group, Table.Name);
            row = AddRow(key);
        }

        foreach (var accumulator in _accumulators)
        {
            accumulator.Add(row, in value, time);
        }
    }

    /// <summary>A record whose output is muted is part of a session: one may have been sent that began with it.</summary>
    public void AddMuted(in TGroup group, DateTime time) => _muted.Add(new WindowedKey<TGroup>(time, group));

    public override void Accept()
    {
        (_acceptedRows, _acceptedMuted, _acceptedKeyBytes) = (_keys.Count, _muted.Count, _keyBytes);
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
        _muted.RemoveRange(_acceptedMuted, _muted.Count - _acceptedMuted);
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
        var firstKey = _shape.StartsWithWindow ? 1 : 0;
        for (var row = 0; row < _keys.Count; row++)
        {
            if (_shape.StartsWithWindow)
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

    public override RowBuffer? EarlierKeys(bool isRepeated)
    {
        var rows = isRepeated ? _keys.Count : 0;
        if (Table is not { Sessions: not null, ChangelogTopic: not null } || rows + _muted.Count == 0)
        {
            return null;
        }

        // A session's key is its group and, last, its start: the first of its columns that records add to.
        var keys = new RowBuffer(Table, Table.KeyColumns);
        for (var row = 0; row < rows; row++)
        {
            _shape.Key.Append(_keys[row].Group, keys.Columns, 0);
            _accumulators[0].AppendTo(keys.Columns[^1], row);
        }

        foreach (var (time, group) in _muted)
        {
            _shape.Key.Append(group, keys.Columns, 0);
            ((ColumnBuffer<DateTime>)keys.Columns[^1]).Append(time);
        }

        return keys;
    }

    public override void Clear()
    {
        _rows.Clear();
        _keys.Clear();
        _muted.Clear();
        _keyBytes = _acceptedKeyBytes = _acceptedRows = _acceptedMuted = 0;
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

/// <summary>A group in a window, or in a stretch of sessions. Unwindowed aggregates use <c>default</c> for the start.</summary>
internal readonly record struct WindowedKey<TGroup>(DateTime WindowStart, TGroup Group);

/// <summary>What an aggregate looks like.</summary>
/// <param name="Table">Its table.</param>
/// <param name="StartsWithWindow">Whether the first column is the window's start.</param>
/// <param name="Key">The group's columns, which come next.</param>
/// <param name="Columns">The columns that records add to.</param>
internal sealed record AggregateShape<TGroup, TValue>(TableSchema Table, bool StartsWithWindow, KeyShape<TGroup> Key, IReadOnlyList<AggregateColumn<TValue>> Columns);
