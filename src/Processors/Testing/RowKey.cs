namespace Streams.Processors.Testing;

/// <summary>The key of a row, ordered as PostgreSQL's primary key with the collation "C" is.</summary>
internal readonly struct RowKey(object[] values) : IComparable<RowKey>, IEquatable<RowKey>
{
    private readonly object[] _values = values;

    /// <summary>The value of one of its columns.</summary>
    public object this[int column] => _values[column];

    /// <summary>The key but for its last column: of a session, its group.</summary>
    public RowKey WithoutLast() => new(_values[..^1]);

    public bool Equals(RowKey other) => _values.Length == other._values.Length && CompareTo(other) == 0;

    public override bool Equals(object? obj) => obj is RowKey other && Equals(other);

    /// <summary>Bytes are compared, but not hashed, by what is in them.</summary>
    public override int GetHashCode() => _values.Aggregate(0, (hash, value) => HashCode.Combine(hash, value is byte[] bytes ? bytes.Length : value));

    public int CompareTo(RowKey other)
    {
        for (var i = 0; i < _values.Length; i++)
        {
            var order = (_values[i], other._values[i]) switch
            {
                (string left, string right) => string.CompareOrdinal(left, right),
                (byte[] left, byte[] right) => left.AsSpan().SequenceCompareTo(right),
                var (left, right) => Comparer<object>.Default.Compare(left, right),
            };
            if (order != 0)
            {
                return order;
            }
        }

        return 0;
    }

    public override string ToString() => $"({string.Join(", ", _values.Select(v => FormattableString.Invariant($"{v}")))})";
}
