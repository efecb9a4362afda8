namespace Streams.Processors.Testing;

/// <summary>The key of a row, ordered as PostgreSQL's primary key with the collation "C" is.</summary>
internal readonly struct RowKey(object[] values) : IComparable<RowKey>
{
    private readonly object[] _values = values;

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
