using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Streams.Processors;

/// <summary>The values of one column for the rows of a commit cycle. Typed, so that nothing is boxed on the way to the database.</summary>
internal abstract class ColumnBuffer(Column column) : IDisposable
{
    private bool[] _nulls = [];
    private JsonEncodedText? _jsonName;

    public Column Column { get; } = column;

    /// <summary>The column's name as JSON writes it.</summary>
    public JsonEncodedText JsonName => _jsonName ??= JsonEncodedText.Encode(Column.Name, JavaScriptEncoder.UnsafeRelaxedJsonEscaping);

    public int Count { get; private set; }

    /// <summary>What the values take in memory, roughly.</summary>
    public abstract long SizeBytes { get; }

    public bool IsNull(int row) => _nulls[row];

    public void AppendNull()
    {
        if (!Column.Nullable)
        {
            throw new RecordRejectedException($"Column {Column.Name} may not be null, and the value is.");
        }

        AppendDefault();
        _nulls[Count - 1] = true;
    }

    public virtual void Truncate(int count) => Count = count;

    /// <summary>Appends a row of another buffer of the same type.</summary>
    public abstract void AppendFrom(ColumnBuffer other, int row);

    /// <summary>A row's value as an object, <c>null</c> for null and JSON as text: for tests, tools and the in-memory tables.</summary>
    public object? ValueAt(int row) => IsNull(row) ? null : BoxedValue(row);

    /// <summary>Appends what <see cref="ValueAt"/> gave.</summary>
    public void AppendValue(object? value)
    {
        if (value is null)
        {
            AppendNull();
        }
        else
        {
            AppendBoxed(value);
        }
    }

    /// <summary>Orders two rows as the key order does: numbers by value, text and bytes ordinally, nulls first.</summary>
    public abstract int Compare(int row, int otherRow);

    /// <summary>A number that is equal for equal values.</summary>
    public abstract int HashOf(int row);

    public virtual void Dispose() { }

    /// <summary>Puts a value in a row's place.</summary>
    public abstract void SetValue(int row, object value);

    protected abstract void AppendDefault();

    protected abstract object? BoxedValue(int row);

    protected abstract void AppendBoxed(object value);

    protected int Next()
    {
        if (Count == _nulls.Length)
        {
            Array.Resize(ref _nulls, Math.Max(64, Count * 2));
        }

        _nulls[Count] = false;
        return Count++;
    }

    /// <summary>A buffer for the column's type.</summary>
    public static ColumnBuffer For(Column column) => column.Type switch
    {
        ColumnType.Text => new ColumnBuffer<string>(column),
        ColumnType.SmallInt => new ColumnBuffer<short>(column),
        ColumnType.Integer => new ColumnBuffer<int>(column),
        ColumnType.BigInt => new ColumnBuffer<long>(column),
        ColumnType.Double => new ColumnBuffer<double>(column),
        ColumnType.Numeric => new ColumnBuffer<decimal>(column),
        ColumnType.Boolean => new ColumnBuffer<bool>(column),
        ColumnType.Timestamp => new ColumnBuffer<DateTime>(column),
        ColumnType.Uuid => new ColumnBuffer<Guid>(column),
        ColumnType.Bytes or ColumnType.Json => new BytesColumnBuffer(column),
        _ => throw new ArgumentOutOfRangeException(nameof(column), column.Type, "unknown column type"),
    };
}

/// <summary>A column of plain values.</summary>
internal sealed class ColumnBuffer<T>(Column column) : ColumnBuffer(column)
{
    private T[] _values = [];
    private long _textChars;

    public T this[int row] => _values[row];

    public override long SizeBytes => (Count * 16L) + (_textChars * 2);

    public void Append(T value)
    {
        if (typeof(T) == typeof(string))
        {
            var text = (string)(object)value!;
            PostgresText.Check(text, Column);
            _textChars += text.Length;
        }
        else if (typeof(T) == typeof(DateTime))
        {
            // PostgreSQL keeps microseconds: times that it cannot tell apart must be one key here as well.
            ref var time = ref Unsafe.As<T, DateTime>(ref value);
            time = Microseconds.Floor(time);
        }

        var row = Next();
        if (row >= _values.Length)
        {
            Array.Resize(ref _values, Math.Max(64, row * 2));
        }

        _values[row] = value;
    }

    public override void Truncate(int count)
    {
        if (typeof(T) == typeof(string))
        {
            for (var row = count; row < Count; row++)
            {
                _textChars -= ((string?)(object?)_values[row])?.Length ?? 0;
            }
        }

        base.Truncate(count);
    }

    public override void AppendFrom(ColumnBuffer other, int row)
    {
        if (other.IsNull(row))
        {
            AppendNull();
        }
        else
        {
            Append(((ColumnBuffer<T>)other)[row]);
        }
    }

    public override int Compare(int row, int otherRow)
    {
        if (IsNull(row) || IsNull(otherRow))
        {
            return IsNull(otherRow).CompareTo(IsNull(row));
        }

        return typeof(T) == typeof(string)
            ? string.CompareOrdinal((string)(object)_values[row]!, (string)(object)_values[otherRow]!)
            : Comparer<T>.Default.Compare(_values[row], _values[otherRow]);
    }

    public override int HashOf(int row) => IsNull(row) ? 0 : EqualityComparer<T>.Default.GetHashCode(_values[row]!);

    protected override void AppendDefault()
    {
        var row = Next();
        if (row >= _values.Length)
        {
            Array.Resize(ref _values, Math.Max(64, row * 2));
        }

        _values[row] = default!;
    }

    public override void SetValue(int row, object value) => _values[row] = (T)value;

    protected override object? BoxedValue(int row) => _values[row];

    protected override void AppendBoxed(object value) => Append((T)value);
}

/// <summary>A column of byte strings: <c>bytea</c>, or JSON text in UTF-8.</summary>
internal sealed class BytesColumnBuffer(Column column) : ColumnBuffer(column)
{
    private readonly ByteBuffer _bytes = new();
    private int[] _ends = [];

    public ReadOnlySpan<byte> this[int row] => _bytes.Slice(Start(row), _ends[row] - Start(row));

    public ReadOnlyMemory<byte> Memory(int row) => _bytes.Memory(Start(row), _ends[row] - Start(row));

    public override long SizeBytes => _bytes.Length + (Count * 5L);

    public void Append(ReadOnlySpan<byte> value)
    {
        if (Column.Type == ColumnType.Json)
        {
            PostgresText.CheckJson(value, Column);
        }

        _bytes.Append(value);
        Close();
    }

    public override void Truncate(int count)
    {
        base.Truncate(count);
        _bytes.Truncate(count == 0 ? 0 : _ends[count - 1]);
    }

    public override void AppendFrom(ColumnBuffer other, int row)
    {
        if (other.IsNull(row))
        {
            AppendNull();
            return;
        }

        _bytes.Append(((BytesColumnBuffer)other)[row]);
        Close();
    }

    public override int Compare(int row, int otherRow) => this[row].SequenceCompareTo(this[otherRow]);

    public override int HashOf(int row)
    {
        var hash = new HashCode();
        hash.AddBytes(this[row]);
        return hash.ToHashCode();
    }

    public override void Dispose()
    {
        base.Dispose();
        _bytes.Dispose();
    }

    protected override void AppendDefault() => Close();

    public override void SetValue(int row, object value) => throw new NotSupportedException("Byte strings are packed; a row of them cannot be replaced.");

    protected override object? BoxedValue(int row) => Column.Type == ColumnType.Json ? Encoding.UTF8.GetString(this[row]) : this[row].ToArray();

    protected override void AppendBoxed(object value) => Append(value as byte[] ?? Encoding.UTF8.GetBytes((string)value));

    private int Start(int row) => row == 0 ? 0 : _ends[row - 1];

    private void Close()
    {
        var row = Next();
        if (row >= _ends.Length)
        {
            Array.Resize(ref _ends, Math.Max(64, row * 2));
        }

        _ends[row] = _bytes.Length;
    }
}
