namespace Streams.Hosting.Postgres;

/// <summary>A table as it must stand in the database: one of the system's, or one that the topology writes.</summary>
/// <param name="Schema">Its schema, unquoted.</param>
/// <param name="Name">Its name, unquoted.</param>
/// <param name="Columns">Its columns, in order.</param>
/// <param name="PrimaryKey">The primary key's columns, in order.</param>
/// <param name="Rights">What the node does with it: <c>SELECT</c>, <c>INSERT</c>, <c>UPDATE</c>, <c>DELETE</c>.</param>
internal sealed record TableDefinition(
    string Schema, string Name, IReadOnlyList<ColumnDefinition> Columns, IReadOnlyList<string> PrimaryKey, IReadOnlyList<string> Rights)
{
    /// <summary>Storage parameters, as in <c>WITH (...)</c>; not checked, since they are a matter of speed.</summary>
    public string? Storage { get; init; }

    /// <summary>What an index besides the primary key's covers, as in <c>CREATE INDEX ON table ...</c>; not checked either.</summary>
    public string? Index { get; init; }

    public string QuotedName => Sql.Name(Schema, Name);

    public override string ToString() => QuotedName;

    /// <summary>What a table of the topology looks like in PostgreSQL.</summary>
    public static TableDefinition Of(TableSchema table, string application) => new(
        table.Schema ?? application,
        table.Name,
        [.. table.Columns.Select(c => new ColumnDefinition(c.Name, Sql.TypeOf(c.Type), c.Nullable) { Generated = Generated(c) })],
        [.. table.KeyColumns.Select(c => c.Name)],
        table switch
        {
            { Kind: TableKind.Append } => ["INSERT"],
            { Sessions: not null } => ["SELECT", "INSERT", "DELETE"],
            { Kind: TableKind.State } => ["SELECT", "INSERT", "UPDATE", "DELETE"],
            _ => ["SELECT", "INSERT", "UPDATE"],
        });

    private static string? Generated(Column column) =>
        column.Merge == MergeRule.Quotient ? Sql.Quotient(column.Dividend!, column.Divisor!, column.Type) : null;
}

/// <summary>A column as it must stand in the database.</summary>
/// <param name="Name">Its name, unquoted.</param>
/// <param name="Type">Its SQL type, as <c>format_type</c> writes it.</param>
/// <param name="Nullable">Whether it may be null.</param>
internal sealed record ColumnDefinition(string Name, string Type, bool Nullable = false)
{
    /// <summary>The expression that the server computes it from; <c>null</c> for a column that is written.</summary>
    public string? Generated { get; init; }

    /// <summary>The default for rows that do not name it.</summary>
    public string? Default { get; init; }
}
