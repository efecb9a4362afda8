namespace Streams.Processors;

/// <summary>
/// <c>.Repartition(topic)</c>: sends records through a topic of the application's own, so that those of one key come to one task: what
/// <c>Fold</c>, <c>Reduce</c> and <c>Process</c> need after an operator has changed the key. Aggregates need it never.
/// </summary>
/// <remarks>
/// Event time goes along, and so does the stream time that the record found: whether it is late for a window is decided behind the topic
/// as it would have been before it, however fast the partitions are read. Each record passes once; that takes
/// <c>Streams:Guarantee = ExactlyOnce</c>.
/// </remarks>
public static class RepartitionOperator
{
    /// <summary>Goes on with the same records, partitioned by their present key.</summary>
    /// <param name="stream">The records.</param>
    /// <param name="topic">
    /// The topic, which nobody else should write: what other applications send there is passed over. It is created when missing, with as many partitions as the input has; its retention must be
    /// longer than the application may ever be behind.
    /// </param>
    /// <param name="keyCodec">Writes and reads keys; needed where an operator changed the key's type.</param>
    /// <param name="valueCodec">Writes and reads values; needed where an operator changed the value's type.</param>
    /// <example><code>
    /// orders.SelectKey(order => order.Product).Repartition("orders-by-product", Codecs.Utf8).Fold("products", ...)
    /// </code></example>
    public static Stream<TKey, TValue> Repartition<TKey, TValue>(
        this Stream<TKey, TValue> stream, string topic, ICodec<TKey>? keyCodec = null, ICodec<TValue>? valueCodec = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var builder = stream.Node.Builder;
        keyCodec ??= stream.KeyCodec;
        valueCodec ??= stream.ValueCodec;
        builder.Add(new SinkNode<TKey, TValue>(stream, topic, keyCodec, valueCodec, name: null, isRepartition: true));

        // Without a codec the sink says so, and nothing is built.
        var source = builder.Add(new SourceNode<TKey, TValue>(builder, topic, keyCodec!, valueCodec!, timestamp: null, name: null, isRepartition: true));
        return new Stream<TKey, TValue>(source, keyCodec, valueCodec, keyAsRead: true, valueAsRead: true);
    }
}
