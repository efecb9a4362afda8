namespace Streams;

/// <summary>A checked, immutable graph of streams, operators, topics and tables. Made by <see cref="StreamBuilder.Build"/>.</summary>
public sealed class Topology
{
    internal Topology(IReadOnlyList<Node> nodes)
    {
        Nodes = nodes;
        SubTopologies = Streams.SubTopologies.Of(nodes);
    }

    /// <summary>Every node, inputs before the nodes that read them.</summary>
    internal IReadOnlyList<Node> Nodes { get; }

    /// <summary>The connected parts of the graph, in order of declaration.</summary>
    internal IReadOnlyList<IReadOnlyList<Node>> SubTopologies { get; }

    /// <summary>The topics read, those of repartitions among them.</summary>
    public IReadOnlyList<string> SourceTopics => [.. Nodes.Where(n => n.Kind == NodeKind.Source).Select(n => n.Topic!).Distinct()];

    /// <summary>The topics that the topology writes and reads itself.</summary>
    public IReadOnlyList<string> RepartitionTopics => [.. Nodes.Where(n => n.Kind == NodeKind.Source && n.IsRepartition).Select(n => n.Topic!)];

    /// <summary>The topics written: by sinks, for repartitions, and as changelogs of tables.</summary>
    public IReadOnlyList<string> SinkTopics =>
        [.. Nodes.Where(n => n.Kind == NodeKind.Sink).Select(n => n.Topic!).Concat(Tables.Select(t => t.ChangelogTopic).OfType<string>()).Distinct()];

    /// <summary>The tables written.</summary>
    public IReadOnlyList<TableSchema> Tables => [.. Nodes.Select(n => n.Table).OfType<TableSchema>()];

    /// <summary>The topics whose records can end up in <paramref name="sinkTopic"/>: it gets as many partitions as they have.</summary>
    internal IReadOnlyList<string> SourcesOf(string sinkTopic) =>
    [
        .. Nodes.Where(n => (n.Kind == NodeKind.Sink && n.Topic == sinkTopic) || n.Table?.ChangelogTopic == sinkTopic)
            .SelectMany(SourcesOf).Distinct(),
    ];

    /// <summary>The topics whose records can reach a node.</summary>
    internal static IEnumerable<string> SourcesOf(Node node) =>
        Ancestors(node).Where(n => n.Kind == NodeKind.Source).Select(n => n.Topic!).Distinct();

    /// <summary>The graph as text, in the format of Kafka Streams' <c>TopologyDescription</c>.</summary>
    public string Describe() => TopologyDescription.Text(this);

    /// <summary>The graph as a Mermaid flowchart.</summary>
    public string DescribeAsMermaid() => TopologyDescription.Mermaid(this);

    private static IEnumerable<Node> Ancestors(Node node) => node.Inputs.SelectMany(Ancestors).Append(node);
}
