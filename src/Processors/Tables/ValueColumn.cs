using System.Reflection;

namespace Streams.Processors;

/// <summary>A column filled from a value: a property by convention, or a function a user gave.</summary>
internal abstract class ValueColumn<TSource>(Column column)
{
    public Column Column { get; } = column;

    public abstract void Append(in TSource source, ColumnBuffer buffer);

    /// <summary>What the value takes in an index entry; for key columns.</summary>
    public virtual long KeyBytes(in TSource source) => 8;

    /// <summary>Refuses a value that PostgreSQL cannot store, before it becomes part of a key.</summary>
    public virtual void Check(in TSource source) { }

    /// <summary>Refuses a null where the column takes none.</summary>
    protected void CheckNull()
    {
        if (!Column.Nullable)
        {
            throw new RecordRejectedException($"Column {Column.Name} may not be null, and the value is.");
        }
    }

    /// <summary>The column for a function, or <c>null</c> if its result type cannot be a column.</summary>
    public static ValueColumn<TSource>? For<T>(string name, Func<TSource, T> get, bool nullable, MergeRule merge) =>
        For(name, typeof(T), get, nullable, merge);

    /// <summary>The column for a property, or <c>null</c> if its type cannot be a column.</summary>
    public static ValueColumn<TSource>? For(PropertyInfo property, MergeRule merge) =>
        For(Identifiers.SnakeCase(property.Name), property.PropertyType, ColumnTypes.Getter(typeof(TSource), property), ColumnTypes.IsNullable(property), merge);

    private static ValueColumn<TSource>? For(string name, Type type, Delegate get, bool nullable, MergeRule merge)
    {
        if (ColumnTypes.Of(type) is not { } columnType)
        {
            return null;
        }

        var column = new Column(name, columnType, nullable, merge);
        return get switch
        {
            Func<TSource, string?> text => new TextColumn<TSource>(column, text),
            Func<TSource, byte[]?> bytes => new BytesColumn<TSource>(column, bytes),
            Func<TSource, DateTime> time => new PlainColumn<TSource, DateTime>(column, s => Utc(time(s))),
            Func<TSource, DateTime?> time => new NullableColumn<TSource, DateTime>(column, s => time(s) is { } t ? Utc(t) : null),
            Func<TSource, DateTimeOffset> time => new PlainColumn<TSource, DateTime>(column, s => time(s).UtcDateTime),
            Func<TSource, DateTimeOffset?> time => new NullableColumn<TSource, DateTime>(column, s => time(s)?.UtcDateTime),
            _ when Nullable.GetUnderlyingType(type) is { } plain => Make(typeof(NullableColumn<,>), plain),
            _ => Make(typeof(PlainColumn<,>), type),
        };

        ValueColumn<TSource> Make(Type generic, Type value) =>
            (ValueColumn<TSource>)Activator.CreateInstance(generic.MakeGenericType(typeof(TSource), value), column, get)!;
    }

    private static DateTime Utc(DateTime time) =>
        time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : DateTime.SpecifyKind(time, DateTimeKind.Utc);
}

internal sealed class PlainColumn<TSource, T>(Column column, Func<TSource, T> get) : ValueColumn<TSource>(column)
{
    public override void Append(in TSource source, ColumnBuffer buffer) => ((ColumnBuffer<T>)buffer).Append(get(source));
}

internal sealed class NullableColumn<TSource, T>(Column column, Func<TSource, T?> get) : ValueColumn<TSource>(column)
    where T : struct
{
    public override void Append(in TSource source, ColumnBuffer buffer)
    {
        if (get(source) is { } value)
        {
            ((ColumnBuffer<T>)buffer).Append(value);
        }
        else
        {
            buffer.AppendNull();
        }
    }
}

internal sealed class TextColumn<TSource>(Column column, Func<TSource, string?> get) : ValueColumn<TSource>(column)
{
    public override void Append(in TSource source, ColumnBuffer buffer)
    {
        if (get(source) is { } value)
        {
            ((ColumnBuffer<string>)buffer).Append(value);
        }
        else
        {
            buffer.AppendNull();
        }
    }

    public override long KeyBytes(in TSource source) => ColumnTypes.KeyBytes(get(source));

    public override void Check(in TSource source)
    {
        if (get(source) is { } value)
        {
            PostgresText.Check(value, Column);
        }
        else
        {
            CheckNull();
        }
    }
}

internal sealed class BytesColumn<TSource>(Column column, Func<TSource, byte[]?> get) : ValueColumn<TSource>(column)
{
    public override void Append(in TSource source, ColumnBuffer buffer)
    {
        if (get(source) is { } value)
        {
            ((BytesColumnBuffer)buffer).Append(value);
        }
        else
        {
            buffer.AppendNull();
        }
    }

    public override long KeyBytes(in TSource source) => get(source)?.Length ?? 0;

    public override void Check(in TSource source)
    {
        if (get(source) is null)
        {
            CheckNull();
        }
    }
}
