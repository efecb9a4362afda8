namespace Streams.Processors;

/// <summary>
/// One value column of an aggregate: a delta per row, which PostgreSQL merges with the row's total at commit. Merging must
/// be associative and commutative, so that deltas of tasks and cycles can come in any order. It must not fail: which
/// record would be to blame depends on the records around it, and so on where batches are cut. What cannot be merged is
/// refused when a record brings it.
/// </summary>
/// <remarks>What a batch adds is undone, to the last bit, unless the batch is accepted: its effects come whole or not at all.</remarks>
internal abstract class Accumulator<TValue>
{
    /// <summary>Takes a record's value, or its time, into a row; rows are numbered from 0 and come into being in order.</summary>
    public abstract void Add(int row, in TValue value, DateTime time);

    /// <summary>Merges a row of another accumulator of the same kind.</summary>
    public abstract void Merge(int row, Accumulator<TValue> other, int otherRow);

    public abstract void AppendTo(ColumnBuffer column, int row);

    /// <summary>Keeps what was added since the last call.</summary>
    public abstract void Accept();

    /// <summary>Undoes what was added since the last <see cref="Accept"/>; rows that came into being since are gone.</summary>
    public abstract void Discard();

    /// <summary>Forgets all rows.</summary>
    public abstract void Clear();
}

/// <summary>An accumulator whose deltas are plain numbers.</summary>
internal abstract class NumberAccumulator<TValue, TNumber> : Accumulator<TValue>
    where TNumber : struct
{
    private TNumber[] _deltas = [];
    private (int Row, TNumber Delta)[] _before = [];
    private int _rows;
    private int _acceptedRows;
    private int _changes;

    public sealed override void Add(int row, in TValue value, DateTime time)
    {
        var number = Select(in value, time);
        if (row < _acceptedRows)
        {
            Note(row);
        }

        Take(row, number);
    }

    public sealed override void Merge(int row, Accumulator<TValue> other, int otherRow) =>
        Take(row, ((NumberAccumulator<TValue, TNumber>)other)._deltas[otherRow]);

    public sealed override void Accept() => (_acceptedRows, _changes) = (_rows, 0);

    public sealed override void Discard()
    {
        while (_changes > 0)
        {
            var (row, delta) = _before[--_changes];
            _deltas[row] = delta;
        }

        _rows = _acceptedRows;
    }

    public override void AppendTo(ColumnBuffer column, int row) => ((ColumnBuffer<TNumber>)column).Append(_deltas[row]);

    protected TNumber Delta(int row) => _deltas[row];

    protected abstract TNumber Select(in TValue value, DateTime time);

    protected abstract TNumber Combine(TNumber left, TNumber right);

    private void Take(int row, TNumber delta)
    {
        if (row >= _deltas.Length)
        {
            Array.Resize(ref _deltas, Math.Max(64, row * 2));
        }

        if (row >= _rows)
        {
            _deltas[row] = delta;
        }
        else
        {
            _deltas[row] = Combine(_deltas[row], delta);
        }

        _rows = Math.Max(_rows, row + 1);
    }

    private void Note(int row)
    {
        if (_changes == _before.Length)
        {
            Array.Resize(ref _before, Math.Max(64, _changes * 2));
        }

        _before[_changes++] = (row, _deltas[row]);
    }

    public sealed override void Clear() => _rows = _acceptedRows = _changes = 0;
}
