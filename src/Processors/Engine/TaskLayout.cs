namespace Streams.Processors;

/// <summary>
/// What all tasks of a topology have in common: which nodes a source's records reach, and the slots of a change set. The
/// slots are the same for every task, so that the commit cycle can put change sets together slot by slot.
/// </summary>
internal sealed class TaskLayout
{
    private readonly Topology _topology;
    private readonly Dictionary<string, HashSet<Node>> _reached = new(StringComparer.Ordinal);

    public TaskLayout(Topology topology)
    {
        _topology = topology;
        foreach (var source in topology.Nodes.Where(n => n.Kind == NodeKind.Source))
        {
            _reached[source.Topic!] = Reach([source], _ => true);
        }

        Outputs = [.. topology.Nodes.OfType<IOutputNode>().Cast<TaskNode>()];
        Rows = [.. topology.Nodes.OfType<IRowNode>().Cast<TaskNode>()];
        Aggregates = [.. topology.Nodes.OfType<IAggregateNode>().Cast<TaskNode>()];
    }

    /// <summary>The nodes that send to topics, one output slot each.</summary>
    public IReadOnlyList<TaskNode> Outputs { get; }

    /// <summary>The nodes that append or upsert rows, states among them, one row slot each.</summary>
    public IReadOnlyList<TaskNode> Rows { get; }

    /// <summary>The nodes that aggregate, one slot each.</summary>
    public IReadOnlyList<TaskNode> Aggregates { get; }

    public IEnumerable<TaskNode> NodesOf(string topic) => _topology.Nodes.Where(_reached[topic].Contains).Cast<TaskNode>();

    public bool Includes(Node node, string topic) => _reached[topic].Contains(node);

    public bool KeyIsRead(Node source) =>
        Reach([source], n => n.KeepsKey).Any(n => n.ReadsKey);

    /// <summary>The filter that a source applies itself: the only node that reads it.</summary>
    public Node? FilterOf(Node source)
    {
        Node[] readers = [.. _topology.Nodes.Where(n => n.Inputs.Contains(source)).Take(2)];
        return readers is [ISourceFilter] ? readers[0] : null;
    }

    public ChangeSet CreateChangeSet(TopicPartition partition) => new(
        partition,
        [.. Outputs.Select(n => new OutputBuffer(n.Topic!))],
        [.. Rows.Select(n => ((IRowNode)n).CreateRows())],
        [.. Aggregates.Select(n => ((IAggregateNode)n).CreateChanges())]);

    public static int SlotOf(IReadOnlyList<TaskNode> slots, Node node) => slots.TakeWhile(n => n != node).Count();

    /// <summary>The nodes reachable from <paramref name="from"/>; a node for which <paramref name="passOn"/> is false is reached but ends the way.</summary>
    private HashSet<Node> Reach(Node[] from, Func<Node, bool> passOn)
    {
        var reached = new HashSet<Node>(from);
        foreach (var node in _topology.Nodes)
        {
            if (node.Inputs.Any(input => reached.Contains(input) && passOn(input)))
            {
                reached.Add(node);
            }
        }

        return reached;
    }
}

/// <summary>A node that its source can run while it decodes.</summary>
internal interface ISourceFilter;

/// <summary>A node that sends records to a topic.</summary>
internal interface IOutputNode;

/// <summary>A node that appends or upserts rows, or keeps states.</summary>
internal interface IRowNode
{
    RowBuffer CreateRows();
}

/// <summary>A node that aggregates into a table.</summary>
internal interface IAggregateNode
{
    AggregateChanges CreateChanges();
}
