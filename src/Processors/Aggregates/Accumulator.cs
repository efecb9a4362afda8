namespace Streams.Processors;

/// <summary>
/// One value column of an aggregate: a delta per row, which PostgreSQL merges with the row's total at commit. Merging must
/// be associative and commutative, so that deltas of tasks and cycles can come in any order. It must not fail: which
/// record would be to blame depends on the records around it, and so on where batches are cut. What cannot be merged is
/// refused when a record brings it.
/// </summary>
internal abstract class Accumulator<TValue>
{
    /// <summary>Takes a record's value into a row; rows are numbered from 0 and come into being in order.</summary>
    public abstract void Add(int row, in TValue value);

    /// <summary>Merges a row of another accumulator of the same kind.</summary>
    public abstract void Merge(int row, Accumulator<TValue> other, int otherRow);

    public abstract void AppendTo(ColumnBuffer column, int row);

    /// <summary>Forgets all rows.</summary>
    public abstract void Clear();
}

/// <summary>An accumulator whose deltas are plain numbers.</summary>
internal abstract class NumberAccumulator<TValue, TNumber> : Accumulator<TValue>
    where TNumber : struct
{
    private TNumber[] _deltas = [];
    private int _rows;

    public sealed override void Add(int row, in TValue value) => Take(row, Select(in value));

    public sealed override void Merge(int row, Accumulator<TValue> other, int otherRow) =>
        Take(row, ((NumberAccumulator<TValue, TNumber>)other)._deltas[otherRow]);

    public override void AppendTo(ColumnBuffer column, int row) => ((ColumnBuffer<TNumber>)column).Append(_deltas[row]);

    protected TNumber Delta(int row) => _deltas[row];

    protected abstract TNumber Select(in TValue value);

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

    public sealed override void Clear() => _rows = 0;
}
