namespace Streams.Processors;

/// <summary>
/// <c>.Peek(...)</c>: looks at each record and passes it on unchanged. For logging and counting: a record may be looked at
/// again after a failure, so the action must not matter to results.
/// </summary>
public static class PeekOperator
{
    /// <summary>Calls an action for each record.</summary>
    /// <example><code>clicks.Peek((key, click) => seen.Add(1))</code></example>
    public static Stream<TKey, TValue> Peek<TKey, TValue>(this Stream<TKey, TValue> stream, Action<TKey, TValue> action, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return stream.Same(stream.Node.Builder.Add(new OperatorNode<TKey, TValue, TKey, TValue>(
            stream, "PEEK", name, (node, input, context, output) => new PeekStep<TKey, TValue>(node, input, context, output, action), readsKey: true, keepsKey: true)));
    }
}

internal sealed class PeekStep<TKey, TValue>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKey, TValue> output, Action<TKey, TValue> action)
    : OperatorStep<TKey, TValue, TKey, TValue>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        action(record.Key, record.Value);
        Output.Add(in record);
    }
}
