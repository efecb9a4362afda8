using Streams.Hosting.Postgres;

namespace Streams.Hosting.Topologies;

/// <summary>Finds what changed between two topologies, and whether stored state can go on with it.</summary>
internal static class TopologyComparer
{
    /// <summary>The changes, in the order that <see cref="TopologyDifference.Changes"/> has.</summary>
    /// <param name="applied">What is stored.</param>
    /// <param name="declared">What is to run.</param>
    public static IReadOnlyList<TopologyChange> Compare(TopologyDocument applied, TopologyDocument declared) =>
    [
        .. declared.Tables.SelectMany(table => CompareTable(applied.Table(table.Schema, table.Name), table)),
        .. applied.Tables.Where(t => t.LeftOutSince is null && declared.Table(t.Schema, t.Name) is null).Select(t => TopologyChange.Compatible(
            Subject(t), "not declared any more; it stays as it is, and is not written any more")),
        .. CompareSources(applied.Sources, declared.Sources ?? []),
        .. CompareSinks(applied.Sinks, declared.Sinks ?? []),
    ];

    public static string Subject(TableDocument table) => $"table {Sql.Name(table.Schema, table.Name)}";

    private static IEnumerable<TopologyChange> CompareTable(TableDocument? applied, TableDocument declared)
    {
        if (applied is null)
        {
            return [TopologyChange.Compatible(Subject(declared), "new; it gets what is read from now on")];
        }

        var changes = TableComparer.Compare(applied, declared);
        return applied.LeftOutSince is { } since
            ? changes.Prepend(TopologyChange.Compatible(
                Subject(declared), $"declared again; what was read since {since.ToUniversalTime():yyyy-MM-dd HH:mm:ss'Z'} without it is not in it"))
            : changes;
    }

    private static IEnumerable<TopologyChange> CompareSources(IReadOnlyList<string>? applied, IReadOnlyList<string> declared)
    {
        if (applied is null)
        {
            return [];
        }

        return
        [
            .. declared.Except(applied).Select(topic => TopologyChange.Compatible(
                $"topic {topic}", "read as well now, from where this application left it, else from the beginning")),
            .. applied.Except(declared).Select(topic => TopologyChange.Compatible($"topic {topic}", "not read any more; its offsets stay")),
        ];
    }

    private static IEnumerable<TopologyChange> CompareSinks(IReadOnlyList<SinkDocument>? applied, IReadOnlyList<SinkDocument> declared)
    {
        if (applied is null)
        {
            yield break;
        }

        foreach (var sink in declared)
        {
            var before = applied.FirstOrDefault(s => s.Topic == sink.Topic);
            if (before is null)
            {
                yield return TopologyChange.Compatible($"topic {sink.Topic}", "written as well now; it gets what is read from now on");
            }
            else if (!before.Sources.ToHashSet().SetEquals(sink.Sources))
            {
                yield return TopologyChange.Compatible(
                    $"topic {sink.Topic}", $"gets records of {string.Join(", ", sink.Sources)} from now on, and got those of {string.Join(", ", before.Sources)}");
            }
        }

        foreach (var sink in applied.Where(a => declared.All(d => d.Topic != a.Topic)))
        {
            yield return TopologyChange.Compatible($"topic {sink.Topic}", "not written any more; it stays as it is");
        }
    }
}
