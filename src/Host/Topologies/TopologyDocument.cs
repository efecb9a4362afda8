namespace Streams.Hosting.Topologies;

/// <summary>
/// What gives the stored state of an application its meaning: kept in PostgreSQL as JSON, and compared with what is declared at the
/// next start. What functions do (filters, selectors, mappings) cannot be seen, and is not in it.
/// </summary>
/// <param name="Sources">The topics read; <c>null</c> where the document does not say.</param>
/// <param name="Tables">The tables written, also those that are not declared any more.</param>
/// <param name="Sinks">The topics that get records forwarded; <c>null</c> where the document does not say.</param>
internal sealed record TopologyDocument(IReadOnlyList<string>? Sources, IReadOnlyList<TableDocument> Tables, IReadOnlyList<SinkDocument>? Sinks)
{
    /// <summary>The version that this software writes. It reads this one and all earlier ones.</summary>
    public const int CurrentVersion = 1;

    public int Version { get; init; } = CurrentVersion;

    public static TopologyDocument Of(Topology topology, string application) => new(
        topology.SourceTopics,
        [.. topology.Nodes.Where(n => n.Table is not null).Select(n => TableDocument.Of(n.Table!, Topology.SourcesOf(n), application))],
        [
            .. topology.Nodes.Where(n => n.Kind == NodeKind.Sink).GroupBy(n => n.Topic!, StringComparer.Ordinal)
                .Select(sinks => new SinkDocument(sinks.Key, [.. sinks.SelectMany(Topology.SourcesOf).Distinct()])),
        ]);

    public TableDocument? Table(string schema, string name) => Tables.FirstOrDefault(t => t.Schema == schema && t.Name == name);

    /// <summary>
    /// This document with the tables that an earlier one has and this one does not: they stand on, and when one of them is declared again,
    /// it must be known what its rows mean and since when it was not written.
    /// </summary>
    public TopologyDocument Keeping(TopologyDocument earlier, DateTimeOffset now) => this with
    {
        Tables =
        [
            .. Tables,
            .. earlier.Tables.Where(t => Table(t.Schema, t.Name) is null).Select(t => t with { LeftOutSince = t.LeftOutSince ?? now }),
        ],
    };
}

/// <summary>A table's meaning.</summary>
/// <param name="Schema">Its schema, also where it is the application's own.</param>
/// <param name="Name">Its name.</param>
/// <param name="Kind">How rows get in.</param>
/// <param name="Columns">Its columns, in order; those with the rule <see cref="MergeRule.Key"/> are its key.</param>
/// <param name="Sources">The topics whose records get into it; <c>null</c> where the document does not say, and then it says nothing of windows either.</param>
internal sealed record TableDocument(
    string Schema, string Name, TableKind Kind, IReadOnlyList<ColumnDocument> Columns, IReadOnlyList<string>? Sources = null)
{
    public WindowsDocument? Windows { get; init; }

    public string? ChangelogTopic { get; init; }

    /// <summary>Since when it is not declared any more; <c>null</c> while it is.</summary>
    public DateTimeOffset? LeftOutSince { get; init; }

    public IEnumerable<ColumnDocument> Key => Columns.Where(c => c.Merge == MergeRule.Key);

    /// <summary>What an aggregate groups by: the key without the window.</summary>
    public IEnumerable<ColumnDocument> Grouping => Key.Where(c => c.Name is not (TimeWindows.StartColumn or SessionWindows.StartColumn));

    public static TableDocument Of(TableSchema table, IEnumerable<string> sources, string application) => new(
        table.Schema ?? application,
        table.Name,
        table.Kind,
        [.. table.Columns.Select(ColumnDocument.Of)],
        [.. sources])
    {
        Windows = table.Windows is { } windows ? WindowsDocument.Of(windows) : null,
        ChangelogTopic = table.ChangelogTopic,
    };
}

/// <summary>A column's meaning.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Type">Its type in PostgreSQL.</param>
/// <param name="Nullable">Whether it may be null.</param>
/// <param name="Merge">What a commit does to it: with the type, this is which aggregate it holds.</param>
internal sealed record ColumnDocument(string Name, string Type, bool Nullable, MergeRule Merge)
{
    public string? Dividend { get; init; }

    public string? Divisor { get; init; }

    public static ColumnDocument Of(Column column) => new(column.Name, Postgres.Sql.TypeOf(column.Type), column.Nullable, column.Merge)
    {
        Dividend = column.Dividend,
        Divisor = column.Divisor,
    };
}

/// <summary>An aggregate's windows.</summary>
/// <param name="Kind">Which.</param>
/// <param name="Size">How long they are; of sessions, the gap.</param>
/// <param name="Grace">How long past their end they take records.</param>
internal sealed record WindowsDocument(string Kind, TimeSpan Size, TimeSpan Grace)
{
    public const string Sessions = "sessions";

    /// <summary>From one window's start to the next one's, where that is not the size.</summary>
    public TimeSpan? Advance { get; init; }

    public static WindowsDocument Of(Windows windows) => windows switch
    {
        TimeWindows time when time.Advance == time.Size => new("tumbling", time.Size, time.Grace),
        TimeWindows time => new("hopping", time.Size, time.Grace) { Advance = time.Advance },
        SessionWindows sessions => new(Sessions, sessions.Gap, sessions.Grace),
        _ => throw new ArgumentOutOfRangeException(nameof(windows), windows, "unknown windows"),
    };
}

/// <summary>A topic that gets records forwarded.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Sources">The topics whose records get into it.</param>
internal sealed record SinkDocument(string Topic, IReadOnlyList<string> Sources);
