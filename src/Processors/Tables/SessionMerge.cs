namespace Streams.Processors;

/// <summary>
/// What PostgreSQL does to the sessions of one group when deltas come: rows that are at most the gap apart become one. The result
/// does not depend on the order in which deltas come, or on how they are put together before.
/// </summary>
internal static class SessionMerge
{
    /// <param name="table">The table of sessions.</param>
    /// <param name="standing">The group's rows, or at least those within the gap of a delta. No two of them are that close to each other.</param>
    /// <param name="deltas">The group's deltas.</param>
    /// <returns>The sessions that have changed, by time, and those rows of them that stand no more.</returns>
    public static (IReadOnlyList<object?[]> Changed, IReadOnlyList<object?[]> Gone) Merge(
        TableSchema table, IEnumerable<object?[]> standing, IEnumerable<object?[]> deltas)
    {
        var (start, end) = (IndexOf(table, SessionWindows.StartColumn), IndexOf(table, SessionWindows.EndColumn));
        var changed = new List<object?[]>();
        var gone = new List<object?[]>();
        var session = new List<(object?[] Row, bool IsDelta)>();
        var reachesTo = DateTime.MinValue;
        foreach (var part in standing.Select(r => (Row: r, IsDelta: false)).Concat(deltas.Select(r => (Row: r, IsDelta: true))).OrderBy(p => (DateTime)p.Row[start]!))
        {
            if (session.Count > 0 && (DateTime)part.Row[start]! - reachesTo > table.Sessions!.Gap)
            {
                Close();
            }

            session.Add(part);
            reachesTo = (DateTime)part.Row[end]! > reachesTo ? (DateTime)part.Row[end]! : reachesTo;
        }

        Close();
        return (changed, gone);

        void Close()
        {
            if (session.Exists(p => p.IsDelta))
            {
                changed.Add(session.Select(p => p.Row).Aggregate((left, right) => Merge(table, left, right)));
                gone.AddRange(session.Where(p => !p.IsDelta && !Equals(p.Row[start], session[0].Row[start])).Select(p => p.Row));
            }

            session.Clear();
        }
    }

    private static int IndexOf(TableSchema table, string column) => table.Columns.Select(c => c.Name).ToList().IndexOf(column);

    /// <summary>The earlier one's key stays, and with it the session's start.</summary>
    private static object?[] Merge(TableSchema table, object?[] left, object?[] right) =>
        [.. table.Columns.Select((column, i) => column.Merge == MergeRule.Quotient ? null : MergeRules.Merge(column, left[i], right[i]))];
}
