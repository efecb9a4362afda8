using System.Globalization;

namespace Streams;

/// <summary>
/// Where a topology is declared: start streams from topics, chain operators, end in topics and tables, then
/// <see cref="Build"/>. Declaring does no I/O and never throws for a wrong graph: all that is wrong is reported together
/// by <see cref="Build"/>.
/// </summary>
/// <example><code>
/// var builder = new StreamBuilder();
/// var clicks = builder.Stream("clickstream", Codecs.Utf8, new ClickCodec(), click => click.Time);
/// clicks.Filter(click => click.Status >= 400).To("errors");
/// var topology = builder.Build();
/// </code></example>
public sealed class StreamBuilder
{
    private readonly List<Node> _nodes = [];

    internal IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Checks the graph and freezes it.</summary>
    /// <exception cref="TopologyException">The graph is wrong; the message lists everything that is, and what to do.</exception>
    public Topology Build()
    {
        var problems = TopologyValidator.Check(this);
        return problems.Count == 0 ? new Topology([.. _nodes]) : throw new TopologyException(problems);
    }

    internal T Add<T>(T node) where T : Node
    {
        _nodes.Add(node);
        return node;
    }

    internal string NameFor(string role, string? name) =>
        name ?? string.Create(CultureInfo.InvariantCulture, $"{role}-{_nodes.Count:D10}");
}
