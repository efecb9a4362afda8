using System.Globalization;
using System.Text;

namespace Streams;

/// <summary>A topology in words and as a picture.</summary>
internal static class TopologyDescription
{
    /// <summary>Kafka Streams' own format, so that tools and eyes that know it can read this; tables are sinks with a <c>table</c>.</summary>
    public static string Text(Topology topology)
    {
        var text = new StringBuilder("Topologies:\n");
        for (var part = 0; part < topology.SubTopologies.Count; part++)
        {
            text.Append(CultureInfo.InvariantCulture, $"   Sub-topology: {part}\n");
            var nodes = topology.SubTopologies[part];
            foreach (var node in nodes)
            {
                text.Append(CultureInfo.InvariantCulture, $"    {Heading(node)}\n");
                if (node.Kind is NodeKind.Source or NodeKind.Processor)
                {
                    text.Append(CultureInfo.InvariantCulture, $"      --> {Names(nodes.Where(n => n.Inputs.Contains(node)))}\n");
                }

                if (node.Inputs.Count > 0)
                {
                    text.Append(CultureInfo.InvariantCulture, $"      <-- {Names(node.Inputs)}\n");
                }
            }

            text.Append('\n');
        }

        return text.ToString();
    }

    public static string Mermaid(Topology topology)
    {
        var text = new StringBuilder("flowchart LR\n");
        var ids = topology.Nodes.Select((node, i) => (node, id: $"n{i}")).ToDictionary(p => p.node, p => p.id);
        foreach (var node in topology.Nodes)
        {
            var shape = node.Kind switch
            {
                NodeKind.Source => $"[/\"{Escape(node.Topic!)}\"/]",
                NodeKind.Sink => $"[\\\"{Escape(node.Topic!)}\"\\]",
                NodeKind.TableSink => $"[(\"{Escape(node.Table!.Name)}\")]",
                _ => $"[\"{Escape(node.Name)}\"]",
            };
            text.Append(CultureInfo.InvariantCulture, $"    {ids[node]}{shape}\n");
            if (node is { Kind: NodeKind.Processor, Table: { } store })
            {
                text.Append(CultureInfo.InvariantCulture, $"    {ids[node]} <--> {ids[node]}s[(\"{Escape(store.Name)}\")]\n");
            }

            if (node.Table?.ChangelogTopic is { } changelog)
            {
                text.Append(CultureInfo.InvariantCulture, $"    {ids[node]} --> {ids[node]}c[\\\"{Escape(changelog)}\"\\]\n");
            }
        }

        foreach (var node in topology.Nodes)
        {
            foreach (var input in node.Inputs)
            {
                text.Append(CultureInfo.InvariantCulture, $"    {ids[input]} --> {ids[node]}\n");
            }

            if (node is { Kind: NodeKind.Sink, IsRepartition: true })
            {
                var source = topology.Nodes.First(n => n.Kind == NodeKind.Source && n.Topic == node.Topic);
                text.Append(CultureInfo.InvariantCulture, $"    {ids[node]} --> {ids[source]}\n");
            }
        }

        return text.ToString();
    }

    private static string Heading(Node node) => node.Kind switch
    {
        NodeKind.Source => $"Source: {node.Name} (topics: [{node.Topic}])",
        NodeKind.Sink => $"Sink: {node.Name} (topic: {node.Topic})",
        NodeKind.TableSink when node.Table!.ChangelogTopic is { } topic => $"Sink: {node.Name} (table: {node.Table.Name}, topic: {topic})",
        NodeKind.TableSink => $"Sink: {node.Name} (table: {node.Table!.Name})",
        _ => $"Processor: {node.Name} (stores: [{node.Table?.Name}])",
    };

    private static string Names(IEnumerable<Node> nodes)
    {
        var names = string.Join(", ", nodes.Select(n => n.Name));
        return names.Length == 0 ? "none" : names;
    }

    private static string Escape(string text) => text.Replace("\"", "#quot;", StringComparison.Ordinal);
}
