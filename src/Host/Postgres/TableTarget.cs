using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>A table of the topology with the statements that write it.</summary>
internal sealed class TableTarget : IComparable<TableTarget>
{
    private readonly (string Schema, string Name) _name;

    public TableTarget(TableSchema table, string application)
    {
        Table = table;
        _name = (table.Schema ?? application, table.Name);
        Returns = table is { Kind: TableKind.Aggregate, ChangelogTopic: not null };
        var quoted = QuotedName;
        if (table.Kind == TableKind.Append)
        {
            Copy = Sql.Copy(quoted, table.WrittenColumns);
        }
        else if (table.Sessions is not null)
        {
            Merge = SessionSql.Merge(quoted, table, Returns);
            Lock = SessionSql.Lock(Sql.Name(application, SystemTables.SessionLocks));
        }
        else if (table.KeyColumns.Any())
        {
            Merge = Sql.Merge(quoted, table, Returns);
            Delete = table.Kind == TableKind.State ? StateSql.Delete(quoted, table) : "";
            Load = table.Kind == TableKind.State ? StateSql.Load(quoted, table) : "";
        }
        else
        {
            throw new ArgumentException($"The table {quoted} is written by key and has no key columns.", nameof(table));
        }
    }

    public TableSchema Table { get; }

    /// <summary>Whether a merge gives back the rows that it changed.</summary>
    public bool Returns { get; }

    public string Copy { get; } = "";

    public string Merge { get; } = "";

    /// <summary>Takes the rows of keys that have no state any more away.</summary>
    public string Delete { get; } = "";

    /// <summary>Reads the states of keys.</summary>
    public string Load { get; } = "";

    /// <summary>What comes before the merge of sessions: locks of their groups.</summary>
    public string Lock { get; } = "";

    public string QuotedName => Sql.Name(_name.Schema, _name.Name);

    /// <summary>By schema, then name: the order in which every node writes tables.</summary>
    public int CompareTo(TableTarget? other)
    {
        if (other is null)
        {
            return 1;
        }

        var bySchema = string.CompareOrdinal(_name.Schema, other._name.Schema);
        return bySchema != 0 ? bySchema : string.CompareOrdinal(_name.Name, other._name.Name);
    }
}

/// <summary>The targets of a topology, one per row slot and one per aggregate slot of its change sets.</summary>
internal sealed class TableTargets
{
    public TableTargets(Topology topology, string application)
    {
        var layout = new TaskLayout(topology);
        Rows = [.. layout.Rows.Select(n => new TableTarget(n.Table!, application))];
        Aggregates = [.. layout.Aggregates.Select(n => new TableTarget(n.Table!, application))];
    }

    public IReadOnlyList<TableTarget> Rows { get; }

    public IReadOnlyList<TableTarget> Aggregates { get; }

    /// <summary>The target of a table of states.</summary>
    public TableTarget Of(TableSchema states) => Rows.First(t => t.Table == states);
}
