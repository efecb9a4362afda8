namespace Streams.Processors;

/// <summary>
/// <c>.Reduce(table, ...)</c>: combines each key's values, in the order of their offsets, into one value that is kept in a table, and puts
/// out the new one for each record.
/// </summary>
public static class ReduceOperator
{
    /// <summary>Keeps one value per key; a key's first value is kept as it is.</summary>
    /// <param name="stream">The records. Their key must be the one that was read, since its partition is where the value is.</param>
    /// <param name="table">The table, as <see cref="FoldOperator.Fold"/> has it.</param>
    /// <param name="reduce">Makes one value of the one that is kept and a record's.</param>
    /// <param name="codec">Reads and writes values as JSON; when absent, <see cref="Codecs.Json{T}"/>.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <returns>For each record its key and the value that is kept from then on, at the record's time.</returns>
    /// <example><code>bids.Reduce("best_bids", (best, bid) => bid.Amount > best.Amount ? bid : best)</code></example>
    public static Stream<TKey, TValue> Reduce<TKey, TValue>(
        this Stream<TKey, TValue> stream, string table, Func<TValue, TValue, TValue> reduce, ICodec<TValue>? codec = null, string? name = null)
        where TKey : notnull
        where TValue : notnull
    {
        ArgumentNullException.ThrowIfNull(stream);
        codec ??= Codecs.Json<TValue>();
        var node = stream.Node.Builder.Add(new StateNode<TKey, TValue, TValue, TValue>(stream, "REDUCE", table, codec, () => Apply, name));
        return new Stream<TKey, TValue>(node, stream.KeyCodec, codec, stream.KeyAsRead, valueAsRead: false, stream.OneToOne);

        bool Apply(in Record<TKey, TValue> record, ref TValue? state, bool exists, Batch<TKey, TValue> output)
        {
            state = exists ? reduce(state!, record.Value) : record.Value;
            if (state is null)
            {
                throw new InvalidOperationException("The value to keep is null.");
            }

            output.Add(new Record<TKey, TValue>(record.Key, state, record.Time, record.Index));
            return true;
        }
    }
}
