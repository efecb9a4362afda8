namespace Streams.Hosting.Postgres;

/// <summary>The statements that look at schemas and tables, create them, and would mend them.</summary>
internal static class SchemaSql
{
    /// <summary>$1 a name. Nodes that start at once create tables one after the other.</summary>
    public const string Lock = "SELECT pg_advisory_xact_lock(hashtextextended('streams:' || $1, 0))";

    public const string Server =
        """
        SELECT current_setting('server_version'), current_setting('server_version_num')::integer, current_setting('server_encoding'),
            current_user::text, current_database()::text, has_database_privilege(current_database(), 'CREATE')
        """;

    /// <summary>$1 schemas.</summary>
    public const string Schemas =
        """
        SELECT n.nspname::text, has_schema_privilege(n.oid, 'USAGE'), has_schema_privilege(n.oid, 'CREATE')
        FROM pg_catalog.pg_namespace AS n WHERE n.nspname::text = ANY ($1::text[])
        """;

    /// <summary>$1 schemas, $2 tables.</summary>
    public const string Tables =
        """
        SELECT n.nspname::text, c.relname::text, c.relkind::text, pg_has_role(c.relowner, 'USAGE'),
            array_remove(ARRAY[
                CASE WHEN has_table_privilege(c.oid, 'SELECT') THEN 'SELECT' END,
                CASE WHEN has_table_privilege(c.oid, 'INSERT') THEN 'INSERT' END,
                CASE WHEN has_table_privilege(c.oid, 'UPDATE') THEN 'UPDATE' END,
                CASE WHEN has_table_privilege(c.oid, 'DELETE') THEN 'DELETE' END], NULL),
            pk.conname::text,
            ARRAY(
                SELECT a.attname::text FROM unnest(pk.conkey) WITH ORDINALITY AS k (attnum, place)
                    JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = k.attnum
                ORDER BY k.place)
        FROM unnest($1::text[], $2::text[]) AS m (schema, name)
            JOIN pg_catalog.pg_namespace AS n ON n.nspname::text = m.schema
            JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname::text = m.name
            LEFT JOIN pg_catalog.pg_constraint AS pk ON pk.conrelid = c.oid AND pk.contype = 'p'
        """;

    /// <summary>$1 schemas, $2 tables.</summary>
    public const string Columns =
        """
        SELECT n.nspname::text, c.relname::text, a.attname::text, pg_catalog.format_type(a.atttypid, a.atttypmod), NOT a.attnotnull,
            a.attgenerated = 's', a.atthasdef OR a.attidentity <> '', a.attidentity = 'a'
        FROM unnest($1::text[], $2::text[]) AS m (schema, name)
            JOIN pg_catalog.pg_namespace AS n ON n.nspname::text = m.schema
            JOIN pg_catalog.pg_class AS c ON c.relnamespace = n.oid AND c.relname::text = m.name
            JOIN pg_catalog.pg_attribute AS a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
        ORDER BY a.attnum
        """;

    public static string CreateSchema(string schema) => $"CREATE SCHEMA IF NOT EXISTS {Identifiers.Quote(schema)};";

    public static string CreateTable(TableDefinition table) =>
        $"CREATE TABLE IF NOT EXISTS {table.QuotedName} ({string.Join(", ", table.Columns.Select(Declaration))}{PrimaryKeyOf(table)})"
        + (table.Storage is { } storage ? $" WITH ({storage});" : ";");

    public static string SetOwner(TableDefinition table, string role) => $"ALTER TABLE {table.QuotedName} OWNER TO {Identifiers.Quote(role)};";

    /// <summary>Made together with its table, or with a column that is added to it.</summary>
    public static string CreateIndex(TableDefinition table) =>
        $"CREATE INDEX IF NOT EXISTS {Identifiers.Quote($"{table.Name}_index")} ON {table.QuotedName} {table.Index};";

    public static string Grant(IEnumerable<string> rights, string on, string role) =>
        $"GRANT {string.Join(", ", rights)} ON {on} TO {Identifiers.Quote(role)};";

    public static string AddColumn(TableDefinition table, ColumnDefinition column) =>
        column is { Nullable: false, Default: null, Generated: null }
            ? $"ALTER TABLE {table.QuotedName} ADD COLUMN {Declaration(column with { Default = Blank(column.Type) })}; -- rows that exist get this value: choose it"
            : $"ALTER TABLE {table.QuotedName} ADD COLUMN {Declaration(column)};";

    public static string SetType(TableDefinition table, ColumnDefinition column) =>
        Alter(table, column.Name, $"TYPE {column.Type} USING {Identifiers.Quote(column.Name)}::{column.Type}");

    public static string SetNullable(TableDefinition table, string column, bool nullable) =>
        Alter(table, column, nullable ? "DROP NOT NULL" : "SET NOT NULL");

    public static string DropIdentity(TableDefinition table, string column) => Alter(table, column, "DROP IDENTITY");

    public static string DropExpression(TableDefinition table, string column) => Alter(table, column, "DROP EXPRESSION");

    public static string MakeComputed(TableDefinition table, ColumnDefinition column) =>
        $"ALTER TABLE {table.QuotedName} DROP COLUMN {Identifiers.Quote(column.Name)}, ADD COLUMN {Declaration(column)};";

    public static string SetPrimaryKey(TableDefinition table, string? existing) =>
        $"ALTER TABLE {table.QuotedName} {(existing is null ? "" : $"DROP CONSTRAINT {Identifiers.Quote(existing)}, ")}ADD PRIMARY KEY ({Names(table.PrimaryKey)});";

    public static string Names(IEnumerable<string> columns) => string.Join(", ", columns.Select(Identifiers.Quote));

    private static string Alter(TableDefinition table, string column, string how) =>
        $"ALTER TABLE {table.QuotedName} ALTER COLUMN {Identifiers.Quote(column)} {how};";

    private static string Declaration(ColumnDefinition column) =>
        $"{Identifiers.Quote(column.Name)} {column.Type}"
        + (column.Generated is { } expression ? $" GENERATED ALWAYS AS ({expression}) STORED" : "")
        + (column.Default is { } value ? $" DEFAULT {value}" : "")
        + (column.Nullable ? "" : " NOT NULL");

    private static string PrimaryKeyOf(TableDefinition table) => table.PrimaryKey.Count == 0 ? "" : $", PRIMARY KEY ({Names(table.PrimaryKey)})";

    private static string Blank(string type) => type switch
    {
        "text" => "''",
        "boolean" => "false",
        "timestamp with time zone" => "'epoch'",
        "uuid" => "'00000000-0000-0000-0000-000000000000'",
        "bytea" => "''",
        "jsonb" => "'null'",
        _ => "0",
    };
}
