namespace Streams.Processors;

/// <summary>Wires the steps of one task: who reads whose output, and which slot of the change set is whose.</summary>
internal sealed class TaskBuilder
{
    private readonly Dictionary<Node, object> _outputs = [];
    private readonly TaskLayout _layout;

    public TaskBuilder(TaskLayout layout, BatchContext context)
    {
        _layout = layout;
        Context = context;
    }

    public BatchContext Context { get; }

    /// <summary>Whether anything downstream of this source reads the decoded key.</summary>
    public bool KeyIsRead(Node source) => _layout.KeyIsRead(source);

    /// <summary>The filter that this source applies itself, if there is one.</summary>
    public FilterNode<TKey, TValue>? FilterOf<TKey, TValue>(SourceNode<TKey, TValue> source) => (FilterNode<TKey, TValue>?)_layout.FilterOf(source);

    /// <summary>Whether this filter's work is done by the source above it: their outputs are one.</summary>
    public bool IsLeftToSource(Node node) =>
        node is ISourceFilter && node.Inputs[0].Kind == NodeKind.Source && _layout.FilterOf(node.Inputs[0]) == node;

    /// <summary>The batch that a node writes and the nodes below it read.</summary>
    public Batch<TKey, TValue> Output<TKey, TValue>(Node node)
    {
        var writer = IsLeftToSource(node) ? node.Inputs[0] : node;
        if (!_outputs.TryGetValue(writer, out var batch))
        {
            batch = new Batch<TKey, TValue>();
            _outputs.Add(writer, batch);
        }

        return (Batch<TKey, TValue>)batch;
    }

    /// <summary>Whether a node belongs to this task: only those that its source's records can reach do.</summary>
    public bool Includes(Node node) => _layout.Includes(node, Context.Partition.Topic);

    /// <summary>Whether the task's records come through a topic of the topology's own, with times that they carry.</summary>
    public bool ReadsRepartition => _layout.NodesOf(Context.Partition.Topic).First().IsRepartition;

    public int OutputSlot(Node node) => TaskLayout.SlotOf(_layout.Outputs, node);

    public int RowSlot(Node node) => TaskLayout.SlotOf(_layout.Rows, node);

    public int AggregateSlot(Node node) => TaskLayout.SlotOf(_layout.Aggregates, node);
}
