namespace Streams.Processors;

/// <summary><c>.Filter(...)</c>: passes on the records for which a condition holds, unchanged and in order.</summary>
public static class FilterOperator
{
    /// <summary>Keeps the records whose value meets the condition.</summary>
    /// <example><code>clicks.Filter(click => click.Status >= 400)</code></example>
    public static Stream<TKey, TValue> Filter<TKey, TValue>(this Stream<TKey, TValue> stream, Func<TValue, bool> condition, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return stream.Same(stream.Node.Builder.Add(new FilterNode<TKey, TValue>(stream, condition, name)));
    }

    /// <summary>Keeps the records whose key and value meet the condition.</summary>
    public static Stream<TKey, TValue> Filter<TKey, TValue>(this Stream<TKey, TValue> stream, Func<TKey, TValue, bool> condition, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return stream.Same(stream.Node.Builder.Add(new OperatorNode<TKey, TValue, TKey, TValue>(
            stream, "FILTER", name, (node, input, context, output) => new KeyedFilterStep<TKey, TValue>(node, input, context, output, condition), readsKey: true, keepsKey: true)));
    }
}

/// <summary>A filter on values. Where it is all that reads a source, the source applies it itself: what is dropped is never copied.</summary>
internal sealed class FilterNode<TKey, TValue>(Stream<TKey, TValue> input, Func<TValue, bool> condition, string? name)
    : TaskNode(input.Node.Builder, NodeKind.Processor, "FILTER", name, input.Node), ISourceFilter
{
    public Func<TValue, bool> Condition => condition;

    public override bool KeepsKey => true;

    public override Step CreateStep(TaskBuilder task) => task.IsLeftToSource(this)
        ? new LeftToSourceStep()
        : new FilterStep<TKey, TValue>(Name, task.Output<TKey, TValue>(Inputs[0]), task.Context, task.Output<TKey, TValue>(this), condition);

    private sealed class LeftToSourceStep : Step
    {
        public override void Run() { }
    }
}

internal sealed class FilterStep<TKey, TValue>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKey, TValue> output, Func<TValue, bool> condition)
    : OperatorStep<TKey, TValue, TKey, TValue>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        if (condition(record.Value))
        {
            Output.Add(in record);
        }
    }
}

internal sealed class KeyedFilterStep<TKey, TValue>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKey, TValue> output, Func<TKey, TValue, bool> condition)
    : OperatorStep<TKey, TValue, TKey, TValue>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        if (condition(record.Key, record.Value))
        {
            Output.Add(in record);
        }
    }
}
