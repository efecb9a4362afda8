using System.Reflection;

namespace Streams.Processors;

/// <summary>
/// How records become rows. By convention: the record's origin (<c>topic, partition, "offset"</c>) as the primary key, its
/// event time (<c>time</c>), and one column per public property of the value, in snake case. Naming columns with
/// <see cref="Column{T}"/> takes the place of the properties; naming a key with <see cref="Key{T}"/> takes the place of
/// the origin and makes the table keep the last row of each key.
/// </summary>
public sealed class TableMapping<TKey, TValue>
{
    private readonly List<ValueColumn<Record<TKey, TValue>>> _keys = [];
    private readonly List<ValueColumn<Record<TKey, TValue>>> _columns = [];
    private readonly List<string> _problems = [];

    internal TableMapping() { }

    internal string? Schema { get; private set; }

    internal string? RawColumn { get; private set; }

    internal bool ReadsKey { get; private set; }

    internal IReadOnlyList<ValueColumn<Record<TKey, TValue>>> Keys => _keys;

    internal IReadOnlyList<string> Problems => _problems;

    /// <summary>Puts the table into another PostgreSQL schema than the application's own. The schema must exist or be creatable.</summary>
    public TableMapping<TKey, TValue> InSchema(string schema)
    {
        Schema = schema;
        return this;
    }

    /// <summary>Adds a column with the record's value as it was read, as <c>jsonb</c>. Only where no operator changed the value.</summary>
    public TableMapping<TKey, TValue> WithRawValue(string column)
    {
        RawColumn = column;
        return this;
    }

    /// <summary>Adds a column filled from the value.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="get">What goes in. Text and byte arrays may be null; other types as declared.</param>
    public TableMapping<TKey, TValue> Column<T>(string name, Func<TValue, T> get) => AddOfValue(_columns, name, get, MergeRule.Replace);

    /// <summary>Adds a column filled from key, value and event time.</summary>
    public TableMapping<TKey, TValue> ColumnOf<T>(string name, Func<Record<TKey, TValue>, T> get)
    {
        ReadsKey = true;
        return Add(_columns, name, get, MergeRule.Replace);
    }

    /// <summary>Makes a value a primary key column: of the records with one key the table keeps the last.</summary>
    public TableMapping<TKey, TValue> Key<T>(string name, Func<TValue, T> get) => AddOfValue(_keys, name, get, MergeRule.Key);

    /// <summary>Makes something of key and value a primary key column.</summary>
    public TableMapping<TKey, TValue> KeyOf<T>(string name, Func<Record<TKey, TValue>, T> get)
    {
        ReadsKey = true;
        return Add(_keys, name, get, MergeRule.Key);
    }

    /// <summary>The columns named, or those of the value's properties.</summary>
    internal IReadOnlyList<ValueColumn<Record<TKey, TValue>>> ValueColumns(bool withTime)
    {
        if (_columns.Count > 0)
        {
            return _columns;
        }

        var taken = _keys.Select(k => k.Column.Name).ToHashSet(StringComparer.Ordinal);
        if (withTime)
        {
            taken.Add("time");
        }

        if (ColumnTypes.Of(typeof(TValue)) is not null)
        {
            return [ValueColumn<Record<TKey, TValue>>.For("value", (Record<TKey, TValue> r) => r.Value, nullable: default(TValue) is null, MergeRule.Replace)!];
        }

        var columns = new List<ValueColumn<Record<TKey, TValue>>>();
        foreach (var property in ColumnTypes.Properties(typeof(TValue)).Where(p => !taken.Contains(Identifiers.SnakeCase(p.Name))))
        {
            if (PropertyColumn(property) is { } column)
            {
                columns.Add(column);
            }
            else if (RawColumn is null)
            {
                _problems.Add($"the property {typeof(TValue).Name}.{property.Name} is of type {property.PropertyType.Name}, which cannot be a column; map it with .Column(name, ...), or keep the whole value with .WithRawValue(name)");
            }
        }

        return columns;
    }

    private static ValueColumn<Record<TKey, TValue>>? PropertyColumn(PropertyInfo property) =>
        ValueColumn<TValue>.For(property, MergeRule.Replace) is { } column ? new ColumnOfValue(column) : null;

    private TableMapping<TKey, TValue> AddOfValue<T>(List<ValueColumn<Record<TKey, TValue>>> to, string name, Func<TValue, T> get, MergeRule merge) =>
        Add<T>(to, name, ValueColumn<TValue>.For(name, get, IsNullable<T>(merge), merge) is { } column ? new ColumnOfValue(column) : null);

    private TableMapping<TKey, TValue> Add<T>(List<ValueColumn<Record<TKey, TValue>>> to, string name, Func<Record<TKey, TValue>, T> get, MergeRule merge) =>
        Add<T>(to, name, ValueColumn<Record<TKey, TValue>>.For(name, get, IsNullable<T>(merge), merge));

    /// <summary>Of a key only a <c>T?</c> of a struct says that it may be null; of text nobody knows before it comes.</summary>
    private static bool IsNullable<T>(MergeRule merge) => merge == MergeRule.Key ? Nullable.GetUnderlyingType(typeof(T)) is not null : default(T) is null;

    private TableMapping<TKey, TValue> Add<T>(List<ValueColumn<Record<TKey, TValue>>> to, string name, ValueColumn<Record<TKey, TValue>>? column)
    {
        if (column is not null)
        {
            to.Add(column);
        }
        else
        {
            _problems.Add($"the column '{name}' is of type {typeof(T).Name}, which cannot be a column; use {ColumnTypes.Supported}");
        }

        return this;
    }

    private sealed class ColumnOfValue(ValueColumn<TValue> column) : ValueColumn<Record<TKey, TValue>>(column.Column)
    {
        public override void Append(in Record<TKey, TValue> source, ColumnBuffer buffer) => column.Append(source.Value, buffer);

        public override long KeyBytes(in Record<TKey, TValue> source) => column.KeyBytes(source.Value);
    }
}
