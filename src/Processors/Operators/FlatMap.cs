namespace Streams.Processors;

/// <summary><c>.FlatMap(...)</c>, <c>.FlatMapValues(...)</c>: any number of records out for each record in, in the order given; event time stays.</summary>
public static class FlatMapOperator
{
    /// <summary>Makes any number of new records of each record.</summary>
    /// <example><code>orders.FlatMap((id, order) => order.Lines.Select(line => (line.Sku, line.Quantity)))</code></example>
    public static Stream<TKeyOut, TValueOut> FlatMap<TKey, TValue, TKeyOut, TValueOut>(
        this Stream<TKey, TValue> stream, Func<TKey, TValue, IEnumerable<(TKeyOut Key, TValueOut Value)>> map, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var node = stream.Node.Builder.Add(new OperatorNode<TKey, TValue, TKeyOut, TValueOut>(
            stream, "FLATMAP", name, (n, input, context, output) => new FlatMapStep<TKey, TValue, TKeyOut, TValueOut>(n, input, context, output, map), readsKey: true, keepsKey: false));
        return new Stream<TKeyOut, TValueOut>(node, keyCodec: null, valueCodec: null, keyAsRead: false, valueAsRead: false, oneToOne: false);
    }

    /// <summary>Makes any number of new values of each record's value; the key stays.</summary>
    public static Stream<TKey, TValueOut> FlatMapValues<TKey, TValue, TValueOut>(this Stream<TKey, TValue> stream, Func<TValue, IEnumerable<TValueOut>> map, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var node = stream.Node.Builder.Add(new OperatorNode<TKey, TValue, TKey, TValueOut>(
            stream, "FLATMAPVALUES", name, (n, input, context, output) => new FlatMapValuesStep<TKey, TValue, TValueOut>(n, input, context, output, map), readsKey: false, keepsKey: true));
        return new Stream<TKey, TValueOut>(node, stream.KeyCodec, valueCodec: null, stream.KeyAsRead, valueAsRead: false, oneToOne: false);
    }
}

internal sealed class FlatMapStep<TKey, TValue, TKeyOut, TValueOut>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKeyOut, TValueOut> output, Func<TKey, TValue, IEnumerable<(TKeyOut, TValueOut)>> map)
    : OperatorStep<TKey, TValue, TKeyOut, TValueOut>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        foreach (var (key, value) in map(record.Key, record.Value))
        {
            Output.Add(new Record<TKeyOut, TValueOut>(key, value, record.Time, record.Index));
        }
    }
}

internal sealed class FlatMapValuesStep<TKey, TValue, TValueOut>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKey, TValueOut> output, Func<TValue, IEnumerable<TValueOut>> map)
    : OperatorStep<TKey, TValue, TKey, TValueOut>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        foreach (var value in map(record.Value))
        {
            Output.Add(new Record<TKey, TValueOut>(record.Key, value, record.Time, record.Index));
        }
    }
}
