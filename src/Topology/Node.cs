namespace Streams;

/// <summary>What a node of the graph is, for descriptions and validation.</summary>
internal enum NodeKind
{
    /// <summary>Reads a topic.</summary>
    Source,
    /// <summary>Transforms records.</summary>
    Processor,
    /// <summary>Writes a topic.</summary>
    Sink,
    /// <summary>Writes a table.</summary>
    TableSink,
}

/// <summary>
/// One node of the graph: what a user declared, without its running form. Layers above derive from it and know how to
/// run it; this layer names, connects, checks and describes.
/// </summary>
internal abstract class Node(StreamBuilder builder, NodeKind kind, string role, string? name, IReadOnlyList<Node> inputs)
{
    /// <summary>The builder that the node was declared with.</summary>
    public StreamBuilder Builder { get; } = builder;

    public NodeKind Kind { get; } = kind;

    /// <summary>The operator's word in generated names, such as <c>FILTER</c>.</summary>
    public string Role { get; } = role;

    /// <summary>Unique in the topology; generated when the user gave none.</summary>
    public string Name { get; } = builder.NameFor(role, name);

    public IReadOnlyList<Node> Inputs { get; } = inputs;

    /// <summary>Whether the node's own work looks at the decoded key.</summary>
    public virtual bool ReadsKey => false;

    /// <summary>Whether records leave with the key they came with.</summary>
    public virtual bool KeepsKey => true;

    /// <summary>The topic read or written, if any.</summary>
    public virtual string? Topic => null;

    /// <summary>Whether the topic is one that the topology writes and reads itself.</summary>
    public virtual bool IsRepartition => false;

    /// <summary>The table written, if any; of a <see cref="NodeKind.Processor"/>, the one that keeps its state.</summary>
    public virtual TableSchema? Table => null;

    /// <summary>Key and value type of the records a source decodes or a sink encodes; for messages.</summary>
    public virtual (Type Key, Type Value)? RecordTypes => null;

    /// <summary>What the node itself finds wrong with its declaration, in words a user can act on.</summary>
    public virtual IEnumerable<string> Problems => [];
}
