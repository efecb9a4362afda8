namespace Streams.Hosting.Postgres;

/// <summary>One thing in a table that is not as it must be.</summary>
/// <param name="Table">The table.</param>
/// <param name="Text">What differs, in words.</param>
/// <param name="Mend">The statement that would mend it; <c>null</c> where only a person can decide.</param>
internal sealed record SchemaDifference(TableDefinition Table, string Text, string? Mend);

/// <summary>Compares a table as it stands with what it must be. Columns that users added are theirs, as long as a row can do without them.</summary>
internal static class SchemaComparer
{
    public static IReadOnlyList<SchemaDifference> Compare(TableDefinition table, ExistingTable existing)
    {
        if (existing.Kind is not ('r' or 'p'))
        {
            return [new(table, $"it is {KindOf(existing.Kind)}, and must be a table; drop or rename it", null)];
        }

        var standing = existing.Columns.ToDictionary(c => c.Name, StringComparer.Ordinal);
        var differences = new List<SchemaDifference>();
        foreach (var column in table.Columns)
        {
            differences.AddRange(CompareColumn(table, column, standing.GetValueOrDefault(column.Name)));
        }

        // A key's columns may stand in another order: what matters is what is unique.
        if (!existing.PrimaryKey.ToHashSet(StringComparer.Ordinal).SetEquals(table.PrimaryKey))
        {
            var now = existing.PrimaryKey.Count == 0 ? "there is no primary key, and it" : $"the primary key is ({SchemaSql.Names(existing.PrimaryKey)}), and";
            differences.Add(new(table, $"{now} must be ({SchemaSql.Names(table.PrimaryKey)})", SchemaSql.SetPrimaryKey(table, existing.PrimaryKeyName)));
        }

        var expected = table.Columns.Select(c => c.Name).ToHashSet(StringComparer.Ordinal);
        foreach (var extra in existing.Columns.Where(c => !expected.Contains(c.Name) && !c.Nullable && !c.HasDefault && !c.Computed))
        {
            differences.Add(new(
                table,
                $"column {Identifiers.Quote(extra.Name)} is not the topology's, and may neither be null nor has a default",
                SchemaSql.SetNullable(table, extra.Name, nullable: true)));
        }

        return differences;
    }

    /// <summary>The whole report: per table what differs, then every statement.</summary>
    public static string Describe(IReadOnlyList<SchemaDifference> differences)
    {
        var lines = new List<string> { "Tables in PostgreSQL are not what the topology needs; nothing was changed." };
        foreach (var table in differences.GroupBy(d => d.Table.QuotedName))
        {
            lines.Add($"Table {table.Key}:");
            lines.AddRange(table.Select(d => $"  {d.Text}"));
        }

        var mends = differences.Select(d => d.Mend).OfType<string>().ToList();
        if (mends.Count > 0)
        {
            lines.Add("These statements would mend it; read them first, since some rewrite the table:");
            lines.AddRange(mends);
        }

        return string.Join('\n', lines);
    }

    private static IEnumerable<SchemaDifference> CompareColumn(TableDefinition table, ColumnDefinition column, ExistingColumn? existing)
    {
        var name = Identifiers.Quote(column.Name);
        if (existing is null)
        {
            yield return new(table, $"column {name} ({column.Type}) is missing", SchemaSql.AddColumn(table, column));
            yield break;
        }

        if (column.Generated is { } expression && (!existing.Computed || existing.Type != column.Type))
        {
            yield return new(
                table,
                $"column {name} is {existing.Type}{(existing.Computed ? "" : ", not computed")}, and must be {column.Type}, computed as {expression}",
                SchemaSql.MakeComputed(table, column));
            yield break;
        }

        if (column.Generated is null && existing.Computed)
        {
            yield return new(table, $"column {name} is computed, and must be a plain column", SchemaSql.DropExpression(table, column.Name));
        }

        if (existing.AlwaysIdentity)
        {
            yield return new(table, $"column {name} is GENERATED ALWAYS AS IDENTITY, and must be a plain column", SchemaSql.DropIdentity(table, column.Name));
        }

        if (existing.Type != column.Type)
        {
            yield return new(table, $"column {name} is {existing.Type}, and must be {column.Type}", SchemaSql.SetType(table, column));
        }

        if (existing.Nullable != column.Nullable)
        {
            yield return new(
                table,
                column.Nullable ? $"column {name} is NOT NULL, and must be nullable" : $"column {name} is nullable, and must be NOT NULL",
                SchemaSql.SetNullable(table, column.Name, column.Nullable));
        }
    }

    private static string KindOf(char kind) => kind switch
    {
        'v' => "a view",
        'm' => "a materialized view",
        'f' => "a foreign table",
        'S' => "a sequence",
        'i' or 'I' => "an index",
        'c' => "a composite type",
        _ => "something else",
    };
}
