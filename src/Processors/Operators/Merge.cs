namespace Streams.Processors;

/// <summary>
/// <c>.Merge(...)</c>: the records of several streams in one. Records that come from one source partition keep its order,
/// even when they took different ways through the graph.
/// </summary>
public static class MergeOperator
{
    /// <summary>Puts streams of the same types together.</summary>
    /// <example><code>web.Merge(mobile).To("all-clicks")</code></example>
    public static Stream<TKey, TValue> Merge<TKey, TValue>(this Stream<TKey, TValue> stream, params IReadOnlyList<Stream<TKey, TValue>> others)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(others);
        Stream<TKey, TValue>[] all = [stream, .. others];
        var node = stream.Node.Builder.Add(new MergeNode<TKey, TValue>(stream.Node.Builder, [.. all.Select(s => s.Node)]));
        return new Stream<TKey, TValue>(
            node,
            all.Select(s => s.KeyCodec).FirstOrDefault(c => c is not null),
            all.Select(s => s.ValueCodec).FirstOrDefault(c => c is not null),
            all.All(s => s.KeyAsRead),
            all.All(s => s.ValueAsRead),
            oneToOne: all.All(s => s.OneToOne) && all.Select(SourceOf).Distinct().Count() == all.Length);
    }

    /// <summary>Two ways from one source can meet again with the same record; ways from different sources cannot.</summary>
    private static Node SourceOf<TKey, TValue>(Stream<TKey, TValue> stream)
    {
        var node = stream.Node;
        while (node.Inputs.Count > 0)
        {
            node = node.Inputs[0];
        }

        return node;
    }
}

internal sealed class MergeNode<TKey, TValue>(StreamBuilder builder, Node[] inputs) : TaskNode(builder, NodeKind.Processor, "MERGE", null, inputs)
{
    public override Step CreateStep(TaskBuilder task) =>
        new MergeStep([.. Inputs.Where(task.Includes).Select(task.Output<TKey, TValue>)], task.Output<TKey, TValue>(this));

    private sealed class MergeStep(Batch<TKey, TValue>[] inputs, Batch<TKey, TValue> output) : Step
    {
        private readonly int[] _next = new int[inputs.Length];

        // Each input is in source order, so taking the lowest source position first keeps that order.
        public override void Run()
        {
            output.Clear();
            Array.Clear(_next);
            while (true)
            {
                var lowest = -1;
                var lowestIndex = int.MaxValue;
                for (var i = 0; i < inputs.Length; i++)
                {
                    if (_next[i] < inputs[i].Count && inputs[i].Records[_next[i]].Index < lowestIndex)
                    {
                        lowest = i;
                        lowestIndex = inputs[i].Records[_next[i]].Index;
                    }
                }

                if (lowest < 0)
                {
                    return;
                }

                output.Add(in inputs[lowest].Records[_next[lowest]++]);
            }
        }
    }
}
