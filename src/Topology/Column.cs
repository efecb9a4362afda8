namespace Streams;

/// <summary>The types a table column can have. Each is one PostgreSQL type.</summary>
public enum ColumnType
{
    /// <summary><c>text</c>, from <see cref="string"/>.</summary>
    Text,
    /// <summary><c>smallint</c>, from <see cref="short"/>.</summary>
    SmallInt,
    /// <summary><c>integer</c>, from <see cref="int"/>.</summary>
    Integer,
    /// <summary><c>bigint</c>, from <see cref="long"/>.</summary>
    BigInt,
    /// <summary><c>double precision</c>, from <see cref="double"/>.</summary>
    Double,
    /// <summary><c>numeric</c>, from <see cref="decimal"/>.</summary>
    Numeric,
    /// <summary><c>boolean</c>, from <see cref="bool"/>.</summary>
    Boolean,
    /// <summary><c>timestamptz</c>, from <see cref="DateTime"/> (UTC) or <see cref="DateTimeOffset"/>. Microseconds.</summary>
    Timestamp,
    /// <summary><c>uuid</c>, from <see cref="System.Guid"/>.</summary>
    Uuid,
    /// <summary><c>bytea</c>, from <see cref="byte"/> arrays.</summary>
    Bytes,
    /// <summary><c>jsonb</c>, from JSON text in UTF-8.</summary>
    Json,
}

/// <summary>How a column of a result table takes in what a commit brings for a row that exists.</summary>
public enum MergeRule
{
    /// <summary>Part of the key: never changes.</summary>
    Key,
    /// <summary>The new value takes the old one's place.</summary>
    Replace,
    /// <summary>The values are added (count, sum).</summary>
    Add,
    /// <summary>The smaller value stays.</summary>
    Least,
    /// <summary>The larger value stays.</summary>
    Greatest,
    /// <summary>Computed by the table itself from <see cref="Column.Dividend"/> and <see cref="Column.Divisor"/>; never written.</summary>
    Quotient,
}

/// <summary>One column of a table.</summary>
/// <param name="Name">Its name, unquoted.</param>
/// <param name="Type">Its type.</param>
/// <param name="Nullable">Whether it may be null. Key columns may not.</param>
/// <param name="Merge">What a commit does to it.</param>
public sealed record Column(string Name, ColumnType Type, bool Nullable = false, MergeRule Merge = MergeRule.Replace)
{
    /// <summary>For <see cref="MergeRule.Quotient"/>: the column above the line.</summary>
    public string? Dividend { get; init; }

    /// <summary>For <see cref="MergeRule.Quotient"/>: the column below the line. A zero there makes the quotient null.</summary>
    public string? Divisor { get; init; }
}

/// <summary>How rows get into a table.</summary>
public enum TableKind
{
    /// <summary>One row per record, never changed: binary COPY.</summary>
    Append,
    /// <summary>The last value of a key stands.</summary>
    Upsert,
    /// <summary>The rows are the state of a mergeable aggregate: each commit adds its deltas.</summary>
    Aggregate,
    /// <summary>The rows are the states of an operator's keys, each of one task; a key without a state has no row.</summary>
    State,
}

/// <summary>A table that a topology writes, as declared.</summary>
/// <param name="Name">Its name, unquoted.</param>
/// <param name="Kind">How rows get in.</param>
/// <param name="Columns">Its columns, in order. Those with <see cref="MergeRule.Key"/> make the primary key, in that order.</param>
public sealed record TableSchema(string Name, TableKind Kind, IReadOnlyList<Column> Columns)
{
    /// <summary>The schema to put the table in; <c>null</c> for the application's own.</summary>
    public string? Schema { get; init; }

    /// <summary>A topic that gets each changed row as JSON, its changelog; <c>null</c> for none. Aggregates only.</summary>
    public string? ChangelogTopic { get; init; }

    /// <summary>The windows whose start is a key column; <c>null</c> where rows belong to no window.</summary>
    public Windows? Windows { get; init; }

    /// <summary>The windows, if they are sessions: then the rows of a group are merged with each other, too.</summary>
    internal SessionWindows? Sessions => Windows as SessionWindows;

    /// <summary>The primary key's columns.</summary>
    public IEnumerable<Column> KeyColumns => Columns.Where(c => c.Merge == MergeRule.Key);

    /// <summary>The columns that a writer fills: all but the computed ones.</summary>
    public IEnumerable<Column> WrittenColumns => Columns.Where(c => c.Merge != MergeRule.Quotient);
}
