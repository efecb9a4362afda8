using System.Reflection;

namespace Streams.Processors.Testing;

/// <summary>
/// Makes objects of rows: each constructor parameter and each settable property takes the column whose name is its own in
/// snake case.
/// </summary>
internal sealed class RowReader<TRow>
{
    private readonly ConstructorInfo _constructor;
    private readonly (int Column, Type Type)[] _arguments;
    private readonly (int Column, PropertyInfo Property)[] _properties;

    public RowReader(TableSchema table)
    {
        _constructor = typeof(TRow).GetConstructors().OrderByDescending(c => c.GetParameters().Length).FirstOrDefault()
            ?? throw new ArgumentException($"{typeof(TRow).Name} has no public constructor to make a row with.");
        _arguments = [.. _constructor.GetParameters().Select(p => (ColumnOf(table, p.Name!), p.ParameterType))];
        var taken = _constructor.GetParameters().Select(p => Identifiers.SnakeCase(p.Name!)).ToHashSet(StringComparer.Ordinal);
        _properties =
        [
            .. typeof(TRow).GetProperties().Where(p => p.CanWrite && !taken.Contains(Identifiers.SnakeCase(p.Name))).Select(p => (ColumnOf(table, p.Name), p)),
        ];
    }

    public TRow Read(object?[] row)
    {
        var made = _constructor.Invoke([.. _arguments.Select(a => Convert(row[a.Column], a.Type))]);
        foreach (var (column, property) in _properties)
        {
            property.SetValue(made, Convert(row[column], property.PropertyType));
        }

        return (TRow)made;
    }

    private static object? Convert(object? value, Type type) => (value, Nullable.GetUnderlyingType(type) ?? type) switch
    {
        (DateTime time, var to) when to == typeof(DateTimeOffset) => new DateTimeOffset(time),
        (decimal number, var to) when to == typeof(long) => (long)number,
        _ => value,
    };

    private static int ColumnOf(TableSchema table, string name)
    {
        var column = Identifiers.SnakeCase(name);
        for (var i = 0; i < table.Columns.Count; i++)
        {
            if (table.Columns[i].Name == column)
            {
                return i;
            }
        }

        throw new ArgumentException($"Table '{table.Name}' has no column '{column}' for {typeof(TRow).Name}.{name}; it has {string.Join(", ", table.Columns.Select(c => c.Name))}.");
    }
}
