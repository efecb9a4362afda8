using Npgsql;
using NpgsqlTypes;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>Columns of rows as array parameters for <c>unnest</c>, typed, so that no value is boxed.</summary>
internal static class ArrayParameters
{
    /// <summary>The values of some rows of a column, in the given order.</summary>
    public static NpgsqlParameter Of(ColumnBuffer column, ReadOnlySpan<int> rows) => column switch
    {
        ColumnBuffer<string> c => Texts(c, rows),
        ColumnBuffer<DateTime> c => Values(c, rows, NpgsqlDbType.TimestampTz, static time => Timestamps.ToMicroseconds(time)),
        ColumnBuffer<short> c => Values(c, rows, NpgsqlDbType.Smallint, static value => value),
        ColumnBuffer<int> c => Values(c, rows, NpgsqlDbType.Integer, static value => value),
        ColumnBuffer<long> c => Values(c, rows, NpgsqlDbType.Bigint, static value => value),
        ColumnBuffer<double> c => Values(c, rows, NpgsqlDbType.Double, static value => value),
        ColumnBuffer<decimal> c => Values(c, rows, NpgsqlDbType.Numeric, static value => value),
        ColumnBuffer<bool> c => Values(c, rows, NpgsqlDbType.Boolean, static value => value),
        ColumnBuffer<Guid> c => Values(c, rows, NpgsqlDbType.Uuid, static value => value),
        BytesColumnBuffer c => Bytes(c, rows),
        _ => throw new ArgumentOutOfRangeException(nameof(column), column.Column.Type, "unknown column type"),
    };

    public static NpgsqlParameter Of<T>(T[] values, NpgsqlDbType type) =>
        new NpgsqlParameter<T[]> { TypedValue = values, NpgsqlDbType = NpgsqlDbType.Array | type };

    /// <summary>The topics of partitions, in order; <see cref="Numbers"/> has what belongs to them.</summary>
    public static NpgsqlParameter Topics(IEnumerable<TopicPartition> partitions) => Of(partitions.Select(p => p.Topic).ToArray(), NpgsqlDbType.Text);

    /// <summary>The numbers of partitions, in order.</summary>
    public static NpgsqlParameter Numbers(IEnumerable<TopicPartition> partitions) => Of(partitions.Select(p => p.Partition).ToArray(), NpgsqlDbType.Integer);

    private static NpgsqlParameter Values<T, TSent>(ColumnBuffer<T> column, ReadOnlySpan<int> rows, NpgsqlDbType type, Func<T, TSent> convert)
        where T : struct
        where TSent : struct
    {
        if (HasNull(column, rows))
        {
            var nullable = new TSent?[rows.Length];
            for (var i = 0; i < rows.Length; i++)
            {
                nullable[i] = column.IsNull(rows[i]) ? null : convert(column[rows[i]]);
            }

            return Of(nullable, type);
        }

        var values = new TSent[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            values[i] = convert(column[rows[i]]);
        }

        return Of(values, type);
    }

    private static NpgsqlParameter Texts(ColumnBuffer<string> column, ReadOnlySpan<int> rows)
    {
        var texts = new string?[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            texts[i] = column.IsNull(rows[i]) ? null : column[rows[i]];
        }

        return Of(texts, NpgsqlDbType.Text);
    }

    /// <summary>Slices of the buffer, not copies; the buffer outlives the command.</summary>
    private static NpgsqlParameter Bytes(BytesColumnBuffer column, ReadOnlySpan<int> rows)
    {
        var type = column.Column.Type == ColumnType.Json ? NpgsqlDbType.Jsonb : NpgsqlDbType.Bytea;
        if (HasNull(column, rows))
        {
            var nullable = new ReadOnlyMemory<byte>?[rows.Length];
            for (var i = 0; i < rows.Length; i++)
            {
                // A bare null would become an empty memory, by way of byte[].
                nullable[i] = column.IsNull(rows[i]) ? default(ReadOnlyMemory<byte>?) : column.Memory(rows[i]);
            }

            return Of(nullable, type);
        }

        var values = new ReadOnlyMemory<byte>[rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            values[i] = column.Memory(rows[i]);
        }

        return Of(values, type);
    }

    private static bool HasNull(ColumnBuffer column, ReadOnlySpan<int> rows)
    {
        if (!column.Column.Nullable)
        {
            return false;
        }

        foreach (var row in rows)
        {
            if (column.IsNull(row))
            {
                return true;
            }
        }

        return false;
    }
}
