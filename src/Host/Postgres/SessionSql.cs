using System.Globalization;

namespace Streams.Hosting.Postgres;

/// <summary>
/// The statements that merge sessions. Unlike other rows of aggregates, those of sessions move and become one, and a record between two of
/// them concerns both; and rows that two nodes insert at once do not meet in any index. So a group is locked before its sessions are looked at.
/// </summary>
internal static class SessionSql
{
    /// <summary>How many locks a table's groups share. Two groups with one lock wait for each other for nothing, which costs little.</summary>
    public const int Slots = 1 << 16;

    /// <summary>
    /// Takes locks, in the order given, and makes those that are not there yet. A row whose update a condition refuses is locked all the same,
    /// and stays as it is: nothing for vacuum to do. $1 the table, $2 slots.
    /// </summary>
    public static string Lock(string locks) =>
        $"""
        INSERT INTO {locks} AS l ("table", slot) SELECT $1, s FROM unnest($2::integer[]) AS s
        ON CONFLICT ("table", slot) DO UPDATE SET slot = excluded.slot WHERE false
        """;

    /// <summary>
    /// Merges stretches of sessions into those that stand, one array parameter per written column. What stands within the gap of a stretch is
    /// taken out of the table; then all parts are put in order of time, and each that begins more than the gap behind all before it starts a session.
    /// </summary>
    /// <remarks>
    /// Sessions that stand are more than the gap apart from each other. So those that a stretch can meet are the last one that starts before it,
    /// and all that start within its reach: two ranges of the primary key.
    /// </remarks>
    /// <param name="table">The table's quoted name.</param>
    /// <param name="schema">Its columns and their rules.</param>
    /// <param name="returning">
    /// Whether to give back the sessions that changed, with all columns; and after them those that stand no more, which the first column
    /// says: true, with their keys alone.
    /// </param>
    public static string Merge(string table, TableSchema schema, bool returning)
    {
        // The statement's own names are c0, c1, ...: those of columns are the user's, and could be any.
        var written = schema.WrittenColumns.ToList();
        var arrays = Listed(written.Select((c, i) => string.Create(CultureInfo.InvariantCulture, $"${i + 1}::{Sql.TypeOf(c.Type)}[]")));
        var fields = Listed(written.Select(Field));
        var names = Listed(written.Select(Name));
        var (start, end) = (FieldOf(SessionWindows.StartColumn), FieldOf(SessionWindows.EndColumn));
        var (startName, endName) = (Identifiers.Quote(SessionWindows.StartColumn), Identifiers.Quote(SessionWindows.EndColumn));
        var group = schema.KeyColumns.Where(c => c.Name != SessionWindows.StartColumn).ToList();
        var gap = string.Create(CultureInfo.InvariantCulture, $"interval '{schema.Sessions!.Gap.Ticks / TimeSpan.TicksPerMicrosecond} microseconds'");
        var before = $"PARTITION BY {Listed(group.Select(Field))} ORDER BY {start}, {end} ROWS BETWEEN UNBOUNDED PRECEDING AND";
        var merge =
            $"""
            WITH d AS MATERIALIZED (
                SELECT * FROM unnest({arrays}) AS d ({fields})
            ), near AS MATERIALIZED (
                SELECT DISTINCT {Listed(group.Select(c => $"d.{Field(c)}"))}, s.{startName}
                FROM d CROSS JOIN LATERAL (
                    (SELECT t.{startName}, t.{endName} FROM {table} AS t WHERE {Same("d")} AND t.{startName} < d.{start} - {gap} ORDER BY t.{startName} DESC LIMIT 1)
                    UNION ALL
                    (SELECT t.{startName}, t.{endName} FROM {table} AS t WHERE {Same("d")} AND t.{startName} BETWEEN d.{start} - {gap} AND d.{end} + {gap})
                ) AS s
                WHERE s.{endName} >= d.{start} - {gap}
            ), gone AS (
                DELETE FROM {table} AS t USING near AS n WHERE {Same("n")} AND t.{startName} = n.{startName}
                RETURNING {Listed(written.Select(c => $"t.{Name(c)} AS {Field(c)}"))}
            ), begun AS (
                SELECT *, {start} > max({end}) OVER ({before} 1 PRECEDING) + {gap} AS begins
                FROM (SELECT {fields} FROM gone UNION ALL SELECT {fields} FROM d) AS part
            ), numbered AS (
                SELECT *, count(*) FILTER (WHERE begins) OVER ({before} CURRENT ROW) AS session FROM begun
            )
            """;
        var insert =
            $"""
            INSERT INTO {table} AS t ({names})
                SELECT {Listed(written.Select(Merged))} FROM numbered GROUP BY {Listed(group.Select(Field))}, session
            """;
        return returning
            ? $"""
            {merge}, changed AS (
                {insert}
                RETURNING {Listed(schema.Columns.Select(c => $"t.{Name(c)}"))}
            )
            SELECT false, {Listed(schema.Columns.Select(Name))} FROM changed
            UNION ALL
            SELECT true, {Listed(schema.Columns.Select(c => c.Merge == MergeRule.Key ? $"g.{Field(c)}" : "NULL"))}
            FROM gone AS g WHERE NOT EXISTS (SELECT FROM changed AS t WHERE {Same("g")} AND t.{startName} = g.{start})
            """
            : $"{merge} {insert}";

        string Field(Column column) => FieldOf(column.Name);

        string FieldOf(string name) => string.Create(CultureInfo.InvariantCulture, $"c{written.FindIndex(c => c.Name == name)}");

        string Same(string fields) => string.Join(" AND ", group.Select(c => $"t.{Name(c)} = {fields}.{Field(c)}"));

        string Merged(Column column) => column.Merge switch
        {
            MergeRule.Key => column.Name == SessionWindows.StartColumn ? $"min({start})" : Field(column),
            MergeRule.Add => $"sum({Field(column)})",
            MergeRule.Least => $"min({Field(column)})",
            MergeRule.Greatest => $"max({Field(column)})",
            _ => throw new ArgumentOutOfRangeException(nameof(schema), column.Merge, "a rule that does not merge"),
        };
    }

    private static string Name(Column column) => Identifiers.Quote(column.Name);

    private static string Listed(IEnumerable<string> parts) => string.Join(", ", parts);
}
