namespace Streams.Processors;

/// <summary>A node that knows how to run: it makes its step for a task.</summary>
internal abstract class TaskNode(StreamBuilder builder, NodeKind kind, string role, string? name, params Node[] inputs)
    : Node(builder, kind, role, name, inputs)
{
    public abstract Step CreateStep(TaskBuilder task);
}

/// <summary>The usual operator node: one input, one output, a step made by a function.</summary>
internal sealed class OperatorNode<TKeyIn, TValueIn, TKeyOut, TValueOut>(
    Stream<TKeyIn, TValueIn> input,
    string role,
    string? name,
    Func<string, Batch<TKeyIn, TValueIn>, BatchContext, Batch<TKeyOut, TValueOut>, Step> step,
    bool readsKey,
    bool keepsKey) : TaskNode(input.Node.Builder, NodeKind.Processor, role, name, input.Node)
{
    public override bool ReadsKey => readsKey;

    public override bool KeepsKey => keepsKey;

    public override Step CreateStep(TaskBuilder task) =>
        step(Name, task.Output<TKeyIn, TValueIn>(Inputs[0]), task.Context, task.Output<TKeyOut, TValueOut>(this));
}
