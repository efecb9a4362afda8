using System.Reflection;

namespace Streams.Processors;

/// <summary>
/// How a group becomes key columns: a plain value is one column; any other type gives one column per public property, in
/// snake case.
/// </summary>
internal sealed class KeyShape<TGroup>
{
    private readonly ValueColumn<TGroup>[] _columns;

    public KeyShape(string? column)
    {
        var type = typeof(TGroup);
        if (ColumnTypes.Of(type) is not null)
        {
            _columns = [ValueColumn<TGroup>.For(column ?? "key", (TGroup group) => group, Nullable.GetUnderlyingType(type) is not null, MergeRule.Key)!];
            IsExact = IsExactType(type);
            Problems = [];
            return;
        }

        var problems = new List<string>();
        if (type.IsGenericType && type.FullName!.StartsWith("System.ValueTuple", StringComparison.Ordinal))
        {
            problems.Add("the group is a tuple, whose element names do not exist at run time; use a record struct, such as `record struct ErrorKey(string Path, int Status)`");
        }

        var columns = new List<ValueColumn<TGroup>>();
        foreach (var property in ColumnTypes.Properties(type))
        {
            if (ValueColumn<TGroup>.For(property, MergeRule.Key) is { } key)
            {
                columns.Add(key);
            }
            else
            {
                problems.Add($"the group's property {type.Name}.{property.Name} is of type {property.PropertyType.Name}, which cannot be a column; use {ColumnTypes.Supported}");
            }
        }

        if (columns.Count == 0 && problems.Count == 0)
        {
            problems.Add($"the group type {type.Name} has no public properties to make key columns of");
        }

        _columns = [.. columns];
        Problems = problems;
        IsExact = (type.IsValueType || type.GetMethod("<Clone>$") is not null)
            && typeof(IEquatable<TGroup>).IsAssignableFrom(type)
            && ColumnTypes.Properties(type).All(p => IsExactType(p.PropertyType))
            && type.GetFields(BindingFlags.Instance | BindingFlags.Public | BindingFlags.NonPublic).Length == columns.Count;
    }

    /// <summary>
    /// Two groups that differ give two keys that differ. Not so for a plain class (equal only to itself), byte arrays, times
    /// (PostgreSQL cuts them to microseconds) and what has fields besides its columns: then rows with one key are merged.
    /// </summary>
    public bool IsExact { get; }

    public IReadOnlyList<string> Problems { get; }

    public IEnumerable<Column> Columns => _columns.Select(c => c.Column);

    public int Count => _columns.Length;

    public void Append(TGroup group, IReadOnlyList<ColumnBuffer> buffers, int firstColumn)
    {
        for (var i = 0; i < _columns.Length; i++)
        {
            _columns[i].Append(in group, buffers[firstColumn + i]);
        }
    }

    /// <summary>Refuses a group that cannot be a key in PostgreSQL.</summary>
    /// <returns>The bytes it takes there.</returns>
    public long Check(TGroup group, string table)
    {
        long bytes = 0;
        foreach (var column in _columns)
        {
            column.Check(in group);
            bytes += column.KeyBytes(in group);
        }

        PostgresText.CheckKeySize(bytes, table);
        return bytes;
    }

    private static bool IsExactType(Type type) =>
        type != typeof(byte[]) && Nullable.GetUnderlyingType(type) is null && ColumnTypes.Of(type) is not (null or ColumnType.Timestamp);
}
