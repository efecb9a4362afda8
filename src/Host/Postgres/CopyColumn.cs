using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>Writes one column's values as fields of binary copy rows: one virtual call per value, nothing boxed.</summary>
internal abstract class CopyColumn(ColumnBuffer column)
{
    public void Write(int row, CopyBuffer to)
    {
        if (column.IsNull(row))
        {
            to.WriteNull();
        }
        else
        {
            WriteValue(row, to);
        }
    }

    public static CopyColumn For(ColumnBuffer column) => column switch
    {
        ColumnBuffer<string> c => new OfText(c),
        ColumnBuffer<short> c => new OfSmallInt(c),
        ColumnBuffer<int> c => new OfInteger(c),
        ColumnBuffer<long> c => new OfBigInt(c),
        ColumnBuffer<double> c => new OfDouble(c),
        ColumnBuffer<decimal> c => new OfNumeric(c),
        ColumnBuffer<bool> c => new OfBoolean(c),
        ColumnBuffer<DateTime> c => new OfTimestamp(c),
        ColumnBuffer<Guid> c => new OfUuid(c),
        BytesColumnBuffer c when c.Column.Type == ColumnType.Json => new OfJson(c),
        BytesColumnBuffer c => new OfBytes(c),
        _ => throw new ArgumentOutOfRangeException(nameof(column), column.Column.Type, "unknown column type"),
    };

    protected abstract void WriteValue(int row, CopyBuffer to);

    private sealed class OfText(ColumnBuffer<string> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfSmallInt(ColumnBuffer<short> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfInteger(ColumnBuffer<int> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfBigInt(ColumnBuffer<long> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfDouble(ColumnBuffer<double> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfNumeric(ColumnBuffer<decimal> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfBoolean(ColumnBuffer<bool> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfTimestamp(ColumnBuffer<DateTime> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(Timestamps.ToMicroseconds(column[row]));
    }

    private sealed class OfUuid(ColumnBuffer<Guid> column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfBytes(BytesColumnBuffer column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteField(column[row]);
    }

    private sealed class OfJson(BytesColumnBuffer column) : CopyColumn(column)
    {
        protected override void WriteValue(int row, CopyBuffer to) => to.WriteJson(column[row]);
    }
}
