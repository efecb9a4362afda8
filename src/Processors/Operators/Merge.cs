namespace Streams.Processors;

/// <summary>
/// <c>.Merge(...)</c>: the records of several streams in one. Records that come from one source partition keep its order,
/// even when they took different ways through the graph. A sink forwards bytes as they were read only if all streams were read
/// with the same codec instance; otherwise it needs a codec of its own.
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
            Shared(all, s => s.KeyCodec),
            Shared(all, s => s.ValueCodec),
            all.All(s => s.KeyAsRead) && Shared(all, s => s.KeyCodec) is not null,
            all.All(s => s.ValueAsRead) && Shared(all, s => s.ValueCodec) is not null,
            oneToOne: all.All(s => s.OneToOne) && all.Sum(s => SourcesOf(s.Node).Count) == all.SelectMany(s => SourcesOf(s.Node)).Distinct().Count());
    }

    /// <summary>
    /// The codec that the streams have in common; those that have none (an operator changed the type) follow the others.
    /// With two different ones a topic would hold two formats, so there is none: a sink must be told which.
    /// </summary>
    private static TCodec? Shared<TKey, TValue, TCodec>(Stream<TKey, TValue>[] streams, Func<Stream<TKey, TValue>, TCodec?> codec)
        where TCodec : class
    {
        var codecs = streams.Select(codec).OfType<TCodec>().Distinct().ToList();
        return codecs.Count == 1 ? codecs[0] : null;
    }

    /// <summary>Two ways from one source can meet again with the same record; ways from different sources cannot.</summary>
    private static HashSet<Node> SourcesOf(Node node) => node.Inputs.Count == 0 ? [node] : [.. node.Inputs.SelectMany(SourcesOf)];
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
