namespace Streams;

/// <summary>Finds what is wrong with a graph. Each message names the node and says what to do.</summary>
internal static class TopologyValidator
{
    public static IReadOnlyList<string> Check(StreamBuilder builder)
    {
        var nodes = builder.Nodes;
        if (nodes.Count == 0)
        {
            return ["the graph is empty: start a stream with builder.Stream(topic, ...)"];
        }

        return
        [
            .. nodes.SelectMany(node => ForeignInputs(builder, node)),
            .. DuplicateNames(nodes),
            .. nodes.SelectMany(node => node.Problems.Select(problem => $"{node.Name}: {problem}")),
            .. nodes.SelectMany(Topics),
            .. SourcesReadDifferently(nodes),
            .. SourcesRead(nodes),
            .. Loops(nodes),
            .. nodes.Where(n => n.Table is not null).SelectMany(Columns),
            .. TablesMappedTwice(nodes),
            .. WithoutEffect(nodes),
        ];
    }

    private static IEnumerable<string> ForeignInputs(StreamBuilder builder, Node node) =>
        from input in node.Inputs
        where input.Builder != builder
        select $"{node.Name}: its input {input.Name} is an unknown source, declared with another StreamBuilder; declare both with the same one";

    private static IEnumerable<string> DuplicateNames(IReadOnlyList<Node> nodes) =>
        from same in nodes.GroupBy(n => n.Name, StringComparer.Ordinal)
        where same.Count() > 1
        select $"the name '{same.Key}' is given to {same.Count()} nodes; names must be unique";

    private static IEnumerable<string> Topics(Node node)
    {
        foreach (var topic in new[] { node.Topic, node.Table?.ChangelogTopic }.OfType<string>())
        {
            if (Identifiers.TopicProblem(topic) is { } problem)
            {
                yield return $"{node.Name}: topic '{topic}': {problem}";
            }
        }
    }

    private static IEnumerable<string> SourcesReadDifferently(IReadOnlyList<Node> nodes) =>
        from topic in nodes.Where(n => n.Kind == NodeKind.Source).GroupBy(n => n.Topic!, StringComparer.Ordinal)
        let types = topic.Select(n => n.RecordTypes).Distinct().ToList()
        where types.Count > 1
        select $"topic '{topic.Key}' is read as {string.Join(" and as ", types.Select(Types))}; read it once and branch from that stream";

    private static IEnumerable<string> SourcesRead(IReadOnlyList<Node> nodes) =>
        from topic in nodes.Where(n => n.Kind == NodeKind.Source).GroupBy(n => n.Topic!, StringComparer.Ordinal)
        where topic.Count() > 1 && topic.Select(n => n.RecordTypes).Distinct().Count() == 1
        select $"topic '{topic.Key}' is read {topic.Count()} times ({string.Join(", ", topic.Select(n => n.Name))}); read it once and use that stream again";

    private static IEnumerable<string> Loops(IReadOnlyList<Node> nodes)
    {
        var read = nodes.Where(n => n.Kind == NodeKind.Source).Select(n => n.Topic).ToHashSet(StringComparer.Ordinal);
        foreach (var node in nodes)
        {
            var written = node.Kind == NodeKind.Sink ? node.Topic : node.Table?.ChangelogTopic;
            if (written is not null && read.Contains(written) && !node.IsRepartition)
            {
                yield return $"{node.Name}: topic '{written}' is written and also read by this topology, an endless loop; write to another topic";
            }
        }
    }

    private static IEnumerable<string> Columns(Node node)
    {
        var table = node.Table!;
        foreach (var name in new[] { table.Schema, table.Name }.OfType<string>().Concat(table.Columns.Select(c => c.Name)))
        {
            if (Identifiers.Problem(name) is { } problem)
            {
                yield return $"{node.Name}: table '{table.Name}': the identifier '{name}': {problem}";
            }
        }

        foreach (var same in table.Columns.GroupBy(c => c.Name, StringComparer.Ordinal).Where(g => g.Count() > 1))
        {
            yield return $"{node.Name}: table '{table.Name}' has {same.Count()} columns named '{same.Key}'; rename one in the mapping";
        }

        foreach (var key in table.KeyColumns.Where(c => c.Nullable))
        {
            yield return $"{node.Name}: table '{table.Name}': the key column '{key.Name}' may be null; use a type that cannot be null";
        }
    }

    private static IEnumerable<string> TablesMappedTwice(IReadOnlyList<Node> nodes) =>
        from table in nodes.Where(n => n.Table is not null).GroupBy(n => (n.Table!.Schema, n.Table.Name))
        where table.Count() > 1
        select $"table '{table.Key.Name}' is mapped {table.Count()} times ({string.Join(", ", table.Select(n => n.Name))}); one table takes one stream: merge the streams first";

    private static IEnumerable<string> WithoutEffect(IReadOnlyList<Node> nodes)
    {
        if (!nodes.Any(n => n.Kind is NodeKind.Sink or NodeKind.TableSink || n.Table is not null))
        {
            yield return "no stream ends in a topic or a table, so nothing would come out: add .To(topic) or .ToTable(table)";
        }
    }

    private static string Types((Type Key, Type Value)? types) => types is null ? "?" : $"<{types.Value.Key.Name}, {types.Value.Value.Name}>";
}
