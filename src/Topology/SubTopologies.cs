namespace Streams;

/// <summary>Splits a graph into its connected parts. Each part's source partitions are its tasks.</summary>
internal static class SubTopologies
{
    public static IReadOnlyList<IReadOnlyList<Node>> Of(IReadOnlyList<Node> nodes)
    {
        var root = nodes.ToDictionary(n => n, n => n);
        foreach (var node in nodes)
        {
            foreach (var input in node.Inputs)
            {
                root[Find(node)] = Find(input);
            }
        }

        return [.. nodes.GroupBy(Find).Select(part => part.ToList())];

        Node Find(Node node)
        {
            while (root[node] != node)
            {
                node = root[node];
            }

            return node;
        }
    }
}
