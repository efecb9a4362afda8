namespace Streams.Processors;

/// <summary><c>.Map(...)</c>, <c>.MapValues(...)</c>, <c>.SelectKey(...)</c>: one record out for each record in, with another key or value; event time stays.</summary>
public static class MapOperator
{
    /// <summary>Makes a new key and a new value of each record. A sink below needs codecs for both.</summary>
    /// <example><code>clicks.Map((key, click) => (click.Path, click.Status))</code></example>
    public static Stream<TKeyOut, TValueOut> Map<TKey, TValue, TKeyOut, TValueOut>(
        this Stream<TKey, TValue> stream, Func<TKey, TValue, (TKeyOut Key, TValueOut Value)> map, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new Stream<TKeyOut, TValueOut>(
            Node(stream, "MAP", name, (in record) => map(record.Key, record.Value), readsKey: true, keepsKey: false),
            keyCodec: null, valueCodec: null, keyAsRead: false, valueAsRead: false, stream.OneToOne);
    }

    /// <summary>Makes a new value of each record's value. A sink below needs a codec for it.</summary>
    /// <example><code>clicks.MapValues(click => click.Status)</code></example>
    public static Stream<TKey, TValueOut> MapValues<TKey, TValue, TValueOut>(this Stream<TKey, TValue> stream, Func<TValue, TValueOut> map, string? name = null) =>
        MapValues(stream, "MAPVALUES", name, (in record) => (record.Key, map(record.Value)), readsKey: false);

    /// <summary>Makes a new value of each record's key and value.</summary>
    public static Stream<TKey, TValueOut> MapValues<TKey, TValue, TValueOut>(this Stream<TKey, TValue> stream, Func<TKey, TValue, TValueOut> map, string? name = null) =>
        MapValues(stream, "MAPVALUES", name, (in record) => (record.Key, map(record.Key, record.Value)), readsKey: true);

    /// <summary>Gives each record a new key made of its value. A sink below needs a codec for it; the partition follows the new key there.</summary>
    /// <example><code>clicks.SelectKey(click => click.Path).To("by-path", Codecs.Utf8)</code></example>
    public static Stream<TKeyOut, TValue> SelectKey<TKey, TValue, TKeyOut>(this Stream<TKey, TValue> stream, Func<TValue, TKeyOut> key, string? name = null) =>
        SelectKey(stream, name, (in record) => (key(record.Value), record.Value), readsKey: false);

    /// <summary>Gives each record a new key made of its key and value.</summary>
    public static Stream<TKeyOut, TValue> SelectKey<TKey, TValue, TKeyOut>(this Stream<TKey, TValue> stream, Func<TKey, TValue, TKeyOut> key, string? name = null) =>
        SelectKey(stream, name, (in record) => (key(record.Key, record.Value), record.Value), readsKey: true);

    private static Stream<TKey, TValueOut> MapValues<TKey, TValue, TValueOut>(
        Stream<TKey, TValue> stream, string role, string? name, RecordFunc<TKey, TValue, (TKey, TValueOut)> map, bool readsKey)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new Stream<TKey, TValueOut>(
            Node(stream, role, name, map, readsKey, keepsKey: true), stream.KeyCodec, valueCodec: null, stream.KeyAsRead, valueAsRead: false, stream.OneToOne);
    }

    private static Stream<TKeyOut, TValue> SelectKey<TKey, TValue, TKeyOut>(
        Stream<TKey, TValue> stream, string? name, RecordFunc<TKey, TValue, (TKeyOut, TValue)> map, bool readsKey)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return new Stream<TKeyOut, TValue>(
            Node(stream, "SELECTKEY", name, map, readsKey, keepsKey: false), keyCodec: null, stream.ValueCodec, keyAsRead: false, stream.ValueAsRead, stream.OneToOne);
    }

    private static Node Node<TKey, TValue, TKeyOut, TValueOut>(
        Stream<TKey, TValue> stream, string role, string? name, RecordFunc<TKey, TValue, (TKeyOut, TValueOut)> map, bool readsKey, bool keepsKey) =>
        stream.Node.Builder.Add(new OperatorNode<TKey, TValue, TKeyOut, TValueOut>(
            stream, role, name, (node, input, context, output) => new MapStep<TKey, TValue, TKeyOut, TValueOut>(node, input, context, output, map), readsKey, keepsKey));
}

internal sealed class MapStep<TKey, TValue, TKeyOut, TValueOut>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKeyOut, TValueOut> output, RecordFunc<TKey, TValue, (TKeyOut, TValueOut)> map)
    : OperatorStep<TKey, TValue, TKeyOut, TValueOut>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        var (key, value) = map(in record);
        Output.Add(new Record<TKeyOut, TValueOut>(key, value, record.Time, record.Index));
    }
}
