namespace Streams.Processors;

/// <summary>
/// <c>.Fold(table, ...)</c>: folds each key's records, in the order of their offsets, into a state that is kept in a table, and puts out
/// the new state for each record. For what does not merge: counts, sums, extremes and averages are faster as aggregates
/// (<see cref="GroupByOperator"/>), and need no key.
/// </summary>
public static class FoldOperator
{
    /// <summary>Keeps a state per key.</summary>
    /// <param name="stream">The records. Their key must be the one that was read, since its partition is where the state is.</param>
    /// <param name="table">
    /// The table, created when missing: <c>topic, partition</c>, the key's columns (<c>key</c>, or one per property of a record), and
    /// <c>state jsonb</c>. To be read, not to be written by others: a node does not notice.
    /// </param>
    /// <param name="initial">The state that a key begins with.</param>
    /// <param name="fold">Makes the next state of the present one and a record's value.</param>
    /// <param name="codec">Reads and writes states as JSON; when absent, <see cref="Codecs.Json{T}"/>.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <returns>For each record its key and the state that it led to, at the record's time.</returns>
    /// <example><code>
    /// orders.Fold("customers", () => new Customer(0, null), (customer, order) => new Customer(customer.Orders + 1, order.Product))
    /// </code></example>
    public static Stream<TKey, TState> Fold<TKey, TValue, TState>(
        this Stream<TKey, TValue> stream, string table, Func<TState> initial, Func<TState, TValue, TState> fold, ICodec<TState>? codec = null, string? name = null)
        where TKey : notnull
        where TState : notnull
    {
        ArgumentNullException.ThrowIfNull(stream);
        codec ??= Codecs.Json<TState>();
        var node = stream.Node.Builder.Add(new StateNode<TKey, TValue, TState, TState>(stream, "FOLD", table, codec, () => Apply, name));
        return new Stream<TKey, TState>(node, stream.KeyCodec, codec, stream.KeyAsRead, valueAsRead: false, stream.OneToOne);

        bool Apply(in Record<TKey, TValue> record, ref TState? state, bool exists, Batch<TKey, TState> output)
        {
            state = fold(exists ? state! : initial(), record.Value) ?? throw new InvalidOperationException("The fold gave null; a state is a value.");
            output.Add(new Record<TKey, TState>(record.Key, state, record.Time, record.Index));
            return true;
        }
    }
}
