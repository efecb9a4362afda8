namespace Streams.Hosting.Postgres;

/// <summary>What a node creates at its start: schemas, tables, and columns that can be added without touching rows or disturbing nodes that do not know them.</summary>
internal sealed record MissingObjects(
    IReadOnlyList<string> Schemas, IReadOnlyList<TableDefinition> Tables, IReadOnlyList<(TableDefinition Table, ColumnDefinition Column)> Columns)
{
    /// <param name="shape">What stands.</param>
    /// <param name="tables">What must stand.</param>
    /// <param name="isNew">
    /// Whether a column is one that this version or this topology brings. One that is missing for another reason was dropped, and its values with
    /// it: that is for a person to decide.
    /// </param>
    public static MissingObjects Of(DatabaseShape shape, IReadOnlyList<TableDefinition> tables, Func<TableDefinition, ColumnDefinition, bool> isNew) => new(
        [.. tables.Select(t => t.Schema).Distinct().Where(s => shape.Schema(s) is null)],
        [.. tables.Where(t => shape.Table(t) is null)],
        [
            .. from table in tables
               let existing = shape.Table(table)
               where existing is { Kind: 'r' or 'p' }
               from column in table.Columns
               where column is { Generated: null } and ({ Nullable: true } or { Default: not null })
                   && existing.Columns.All(c => c.Name != column.Name) && isNew(table, column)
               select (table, column),
        ]);

    public IReadOnlyList<string> Statements =>
    [
        .. Schemas.Select(SchemaSql.CreateSchema),
        .. Tables.Select(SchemaSql.CreateTable),
        .. Columns.Select(c => SchemaSql.AddColumn(c.Table, c.Column)),
        .. Tables.Concat(Columns.Select(c => c.Table)).Distinct().Where(t => t.Index is not null).Select(SchemaSql.CreateIndex),
    ];

    /// <summary>A table as it must stand once these columns are added, without them.</summary>
    public TableDefinition Without(TableDefinition table) =>
        table with { Columns = [.. table.Columns.Where(c => !Columns.Contains((table, c)))] };

    public override string ToString() => string.Join(
        ", ",
        Schemas.Select(s => $"schema {Identifiers.Quote(s)}")
            .Concat(Tables.Select(t => $"table {t}"))
            .Concat(Columns.Select(c => $"column {Identifiers.Quote(c.Column.Name)} of table {c.Table}")));

    /// <exception cref="MissingRightsException">The role may not; the message has what an administrator would run.</exception>
    public void CheckMayCreate(DatabaseShape shape)
    {
        var grants = new List<string>();
        if (Schemas.Count > 0 && !shape.MayCreateSchemas)
        {
            grants.Add(SchemaSql.Grant(["CREATE"], $"DATABASE {Identifiers.Quote(shape.Database)}", shape.Role));
        }

        foreach (var schema in Tables.Select(t => t.Schema).Distinct())
        {
            if (shape.Schema(schema) is { } existing && !(existing.MayUse && existing.MayCreate))
            {
                grants.Add(SchemaSql.Grant(["USAGE", "CREATE"], $"SCHEMA {Identifiers.Quote(schema)}", shape.Role));
            }
        }

        grants.AddRange(Columns.Select(c => c.Table).Distinct().Where(t => shape.Table(t) is { MayAlter: false }).Select(t => SchemaSql.SetOwner(t, shape.Role)));
        if (grants.Count > 0)
        {
            throw new MissingRightsException(
                $"In the database {Identifiers.Quote(shape.Database)} the role {Identifiers.Quote(shape.Role)} may not create what is missing. Either allow it:\n"
                + $"{string.Join('\n', grants)}\n"
                + "or let an administrator create it, and grant the rights with docs/postgres-role.sql:\n"
                + string.Join('\n', Statements));
        }
    }
}
