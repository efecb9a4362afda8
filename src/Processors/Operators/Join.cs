namespace Streams.Processors;

/// <summary>
/// <c>.Join(other, ...)</c>, <c>.LeftJoin(other, ...)</c>: each record with the latest one of another stream that has its key, as Kafka Streams
/// joins a stream with a table. Both streams go through one topic, so that those of one key come to one task, and the latest of
/// the other stream is kept in a table.
/// </summary>
/// <remarks>
/// "Latest" is by arrival in the topic: what has arrived there before a record is what that record meets. Records of the other stream put
/// nothing out; one whose value is null takes what is kept for its key away.
/// </remarks>
public static class JoinOperator
{
    /// <summary>Puts each record together with the latest one of another stream; one that meets none is dropped.</summary>
    /// <param name="stream">The records that are to be completed.</param>
    /// <param name="other">What they are completed with.</param>
    /// <param name="topic">The topic through which both go, as <see cref="RepartitionOperator.Repartition"/> has it.</param>
    /// <param name="table">The table that keeps the latest of the other stream, as <see cref="FoldOperator.Fold"/> has it.</param>
    /// <param name="join">Makes a value of the two.</param>
    /// <param name="keyCodec">Writes and reads keys in the topic; when absent, the streams' own, or else JSON.</param>
    /// <param name="valueCodec">Writes and reads the records' values in the topic; when absent, their own, or else JSON.</param>
    /// <param name="otherCodec">The same for the other stream's; must be JSON, since the table keeps what it writes. When absent, JSON.</param>
    /// <returns>What <paramref name="join"/> makes, with the record's key and time.</returns>
    /// <example><code>
    /// orders.Join(customers, topic: "orders-and-customers", table: "customers", (order, customer) => new Delivery(order.Product, customer.Address))
    /// </code></example>
    public static Stream<TKey, TOut> Join<TKey, TValue, TOther, TOut>(
        this Stream<TKey, TValue> stream,
        Stream<TKey, TOther> other,
        string topic,
        string table,
        Func<TValue, TOther, TOut> join,
        ICodec<TKey>? keyCodec = null,
        ICodec<TValue>? valueCodec = null,
        ICodec<TOther>? otherCodec = null)
        where TKey : notnull
        where TOther : class? =>
        Join(stream, other, "JOIN", topic, table, (value, latest) => join(value, latest!), takesNone: false, keyCodec, valueCodec, otherCodec);

    /// <summary>The same; a record that meets none is put together with <c>null</c>.</summary>
    public static Stream<TKey, TOut> LeftJoin<TKey, TValue, TOther, TOut>(
        this Stream<TKey, TValue> stream,
        Stream<TKey, TOther> other,
        string topic,
        string table,
        Func<TValue, TOther?, TOut> join,
        ICodec<TKey>? keyCodec = null,
        ICodec<TValue>? valueCodec = null,
        ICodec<TOther>? otherCodec = null)
        where TKey : notnull
        where TOther : class? =>
        Join(stream, other, "LEFTJOIN", topic, table, join, takesNone: true, keyCodec, valueCodec, otherCodec);

    private static Stream<TKey, TOut> Join<TKey, TValue, TOther, TOut>(
        Stream<TKey, TValue> stream,
        Stream<TKey, TOther> other,
        string role,
        string topic,
        string table,
        Func<TValue, TOther?, TOut> join,
        bool takesNone,
        ICodec<TKey>? keyCodec,
        ICodec<TValue>? valueCodec,
        ICodec<TOther>? otherCodec)
        where TKey : notnull
        where TOther : class?
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(other);
        otherCodec ??= Codecs.Json<TOther>();
        var both = stream.MapValues(Side<TValue, TOther>.Of).Merge(other.MapValues(Side<TValue, TOther>.OfOther)).Repartition(
            topic, keyCodec ?? stream.KeyCodec ?? other.KeyCodec ?? Codecs.Json<TKey>(), new SideCodec<TValue, TOther>(valueCodec ?? stream.ValueCodec ?? Codecs.Json<TValue>(), otherCodec));
        var node = both.Node.Builder.Add(new StateNode<TKey, Side<TValue, TOther>, TOther, TOut>(both, role, table, otherCodec, () => Apply, name: null));
        return new Stream<TKey, TOut>(node, both.KeyCodec, valueCodec: null, both.KeyAsRead, valueAsRead: false, both.OneToOne);

        bool Apply(in Record<TKey, Side<TValue, TOther>> record, ref TOther? state, bool exists, Batch<TKey, TOut> output)
        {
            if (record.Value.IsOther)
            {
                state = record.Value.Other;
                return state is not null;
            }

            if (exists || takesNone)
            {
                output.Add(new Record<TKey, TOut>(record.Key, join(record.Value.Value, state), record.Time, record.Index));
            }

            return exists;
        }
    }
}

/// <summary>A record of one of two streams.</summary>
internal readonly record struct Side<TValue, TOther>(bool IsOther, TValue Value, TOther Other)
{
    public static Side<TValue, TOther> Of(TValue value) => new(false, value, default!);

    public static Side<TValue, TOther> OfOther(TOther other) => new(true, default!, other);
}
