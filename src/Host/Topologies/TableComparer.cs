namespace Streams.Hosting.Topologies;

/// <summary>
/// Finds what changed in one table. Where rows are merged (aggregates, last rows of a key), rows of two meanings must not meet; where every
/// row stands for one record, the old rows are as right as the new ones, and only the table's form matters, which is checked with the tables.
/// </summary>
internal static class TableComparer
{
    public static IReadOnlyList<TopologyChange> Compare(TableDocument applied, TableDocument declared)
    {
        if (applied.Kind != declared.Kind)
        {
            return
            [
                TopologyChange.Incompatible(
                    TopologyComparer.Subject(declared),
                    $"applied as {Text(applied.Kind)}, declared as {Text(declared.Kind)}: its rows would be taken for what they are not"),
            ];
        }

        return declared.Kind switch
        {
            TableKind.Append => [.. Columns(applied, declared), .. Sources(applied, declared)],
            TableKind.Upsert or TableKind.State => [.. Key(applied, declared, "key"), .. Columns(applied, declared), .. Sources(applied, declared)],
            _ => [.. Windows(applied, declared), .. Key(applied, declared, "grouped by"), .. Aggregates(applied, declared), .. Sources(applied, declared), .. Changelog(applied, declared)],
        };
    }

    private static IEnumerable<TopologyChange> Windows(TableDocument applied, TableDocument declared)
    {
        if (applied.Sources is null)
        {
            yield break;
        }

        var (before, now) = (applied.Windows, declared.Windows);
        if ((before?.Kind, before?.Size, before?.Advance) != (now?.Kind, now?.Size, now?.Advance))
        {
            yield return Incompatible(declared, "windows", Text(before), Text(now), "rows of both would stand side by side, and nothing tells them apart");
        }
        else if (before?.Grace != now?.Grace)
        {
            yield return Compatible(declared, $"grace was {before!.Grace} and is {now!.Grace}; what comes from now on is judged by it, what was late before stays out");
        }
    }

    private static IEnumerable<TopologyChange> Key(TableDocument applied, TableDocument declared, string word)
    {
        var (before, now) = (applied.Grouping.Select(Typed).ToList(), declared.Grouping.Select(Typed).ToList());
        if (!before.ToHashSet().SetEquals(now))
        {
            yield return Incompatible(declared, word, Listed(before), Listed(now), "what is counted under one is not found under the other");
        }
        else if (declared.ChangelogTopic is { } topic && applied.ChangelogTopic == topic && !before.SequenceEqual(now))
        {
            yield return Incompatible(
                declared, word, Listed(before), Listed(now), $"the order is that of the members of keys in topic {topic}, where each row would get a second key");
        }
    }

    private static IEnumerable<TopologyChange> Aggregates(TableDocument applied, TableDocument declared)
    {
        var before = Values(applied).ToDictionary(c => c.Name);
        foreach (var column in Values(declared))
        {
            if (!before.Remove(column.Name, out var old))
            {
                yield return Incompatible(declared, Named(column), "not there", Holds(column), "rows that stand would hold only what comes from now on");
            }
            else if (Holds(old) != Holds(column))
            {
                yield return Incompatible(declared, Named(column), Holds(old), Holds(column), "a row's value would be made of both");
            }
        }

        foreach (var old in before.Values)
        {
            yield return Incompatible(declared, Named(old), Holds(old), "not there", "rows that stand would keep a total that does not grow any more");
        }
    }

    private static IEnumerable<TopologyChange> Columns(TableDocument applied, TableDocument declared)
    {
        var before = Values(applied).ToDictionary(c => c.Name);
        foreach (var column in Values(declared))
        {
            if (!before.Remove(column.Name, out var old))
            {
                yield return Compatible(declared, $"{Named(column)} ({column.Type}) is new; rows from before lack it");
            }
            else if ((old.Type, old.Nullable) != (column.Type, column.Nullable))
            {
                yield return Compatible(declared, $"{Named(column)} was {Form(old)} and is {Form(column)}");
            }
        }

        foreach (var old in before.Values)
        {
            yield return Compatible(declared, $"{Named(old)} is not declared any more; it stays, and new rows lack it");
        }
    }

    private static IEnumerable<TopologyChange> Sources(TableDocument applied, TableDocument declared)
    {
        if (applied.Sources is null || applied.Sources.ToHashSet().SetEquals(declared.Sources!))
        {
            yield break;
        }

        var (before, now) = (string.Join(", ", applied.Sources), string.Join(", ", declared.Sources!));
        yield return declared.Kind == TableKind.Append
            ? Compatible(declared, $"gets records of {now} from now on, and got those of {before}; each row names its topic")
            : Incompatible(declared, "fed by", $"topic {before}", $"topic {now}", "a row would be made of the records of both");
    }

    private static IEnumerable<TopologyChange> Changelog(TableDocument applied, TableDocument declared)
    {
        if (applied.ChangelogTopic == declared.ChangelogTopic)
        {
            yield break;
        }

        if (declared.ChangelogTopic is { } topic)
        {
            yield return Compatible(declared, $"topic {topic} gets its rows as they change from now on; rows that do not change are in the table only");
        }

        if (applied.ChangelogTopic is { } old)
        {
            yield return Compatible(declared, $"topic {old} does not get its rows any more");
        }
    }

    private static TopologyChange Compatible(TableDocument table, string text) => TopologyChange.Compatible(TopologyComparer.Subject(table), text);

    private static TopologyChange Incompatible(TableDocument table, string what, string applied, string declared, string reason) =>
        TopologyChange.Incompatible(TopologyComparer.Subject(table), $"{what}: applied {applied}, declared {declared}: {reason}");

    private static IEnumerable<ColumnDocument> Values(TableDocument table) => table.Columns.Where(c => c.Merge != MergeRule.Key);

    private static string Named(ColumnDocument column) => $"column {Identifiers.Quote(column.Name)}";

    private static string Typed(ColumnDocument column) => $"{Identifiers.Quote(column.Name)} {column.Type}";

    private static string Listed(IEnumerable<string> columns) => $"({string.Join(", ", columns)})";

    private static string Form(ColumnDocument column) => column.Nullable ? column.Type : $"{column.Type} not null";

    /// <summary>Which aggregate a column holds, in words: its rule and its type say it.</summary>
    private static string Holds(ColumnDocument column) => column.Merge switch
    {
        MergeRule.Add => $"a sum or count ({column.Type})",
        MergeRule.Least => $"the smallest value ({column.Type})",
        MergeRule.Greatest => $"the largest value ({column.Type})",
        MergeRule.Quotient => $"{Identifiers.Quote(column.Dividend ?? "?")} / {Identifiers.Quote(column.Divisor ?? "?")} ({column.Type})",
        _ => $"the last value ({column.Type})",
    };

    private static string Text(TableKind kind) => kind switch
    {
        TableKind.Append => "a table with a row per record",
        TableKind.Upsert => "a table with the last row of each key",
        TableKind.State => "the states of keys",
        _ => "an aggregate",
    };

    private static string Text(WindowsDocument? windows) => windows switch
    {
        null => "none",
        { Kind: WindowsDocument.Sessions } => $"{windows.Kind} with a gap of {windows.Size}",
        { Advance: { } advance } => $"{windows.Kind}, {windows.Size} long, one every {advance}",
        _ => $"{windows.Kind}, {windows.Size} long",
    };
}
