namespace Streams.Processors;

/// <summary>A processor with a state per key: gets a record and what is kept for its key, and puts out any number of values.</summary>
/// <param name="record">The record: its key, value and event time.</param>
/// <param name="state">What is kept for the key; <c>null</c> if nothing is.</param>
/// <param name="emit">Puts a value out, with the record's key and time. Only to be called before the processor returns.</param>
/// <returns>What to keep; <c>null</c> to keep nothing.</returns>
public delegate TState? KeyedProcessor<TKey, TValue, TState, TOut>(Record<TKey, TValue> record, TState? state, Action<TOut> emit)
    where TState : class;

/// <summary>
/// <c>.Process(table, ...)</c>: whatever can be done with a record and a state of its key, which is kept in a table. A key's records come in
/// the order of their offsets.
/// </summary>
public static class ProcessOperator
{
    /// <summary>Runs a processor of your own.</summary>
    /// <param name="stream">The records. Their key must be the one that was read, since its partition is where the state is.</param>
    /// <param name="table">The table of states, as <see cref="FoldOperator.Fold"/> has it. A key without a state has no row.</param>
    /// <param name="processor">What to do. Only the record and the state may decide: a record may be processed again, and must then do the same.</param>
    /// <param name="codec">Reads and writes states as JSON; when absent, <see cref="Codecs.Json{T}"/>.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <returns>What the processor puts out.</returns>
    /// <example><code>
    /// payments.Process("last_payments", (Record&lt;string, Payment&gt; record, Payment? last, Action&lt;Payment&gt; emit) =>
    /// {
    ///     if (last?.Id != record.Value.Id)
    ///     {
    ///         emit(record.Value);
    ///     }
    ///
    ///     return record.Value;
    /// })
    /// </code></example>
    public static Stream<TKey, TOut> Process<TKey, TValue, TState, TOut>(
        this Stream<TKey, TValue> stream, string table, KeyedProcessor<TKey, TValue, TState, TOut> processor, ICodec<TState>? codec = null, string? name = null)
        where TKey : notnull
        where TState : class
    {
        ArgumentNullException.ThrowIfNull(stream);
        var node = stream.Node.Builder.Add(new StateNode<TKey, TValue, TState, TOut>(
            stream, "PROCESS", table, codec, () => new Emitter<TKey, TValue, TState, TOut>(processor).Apply, name));
        return new Stream<TKey, TOut>(node, stream.KeyCodec, valueCodec: null, stream.KeyAsRead, valueAsRead: false, oneToOne: false);
    }
}

/// <summary>Runs the processor of one task, and puts out what it emits under the record that it is at.</summary>
internal sealed class Emitter<TKey, TValue, TState, TOut>
    where TState : class
{
    private readonly KeyedProcessor<TKey, TValue, TState, TOut> _processor;
    private readonly Action<TOut> _emit;
    private Batch<TKey, TOut>? _output;
    private Record<TKey, TValue> _record;

    public Emitter(KeyedProcessor<TKey, TValue, TState, TOut> processor)
    {
        _processor = processor;
        _emit = Emit;
    }

    public bool Apply(in Record<TKey, TValue> record, ref TState? state, bool exists, Batch<TKey, TOut> output)
    {
        (_record, _output) = (record, output);
        try
        {
            state = _processor(record, state, _emit);
            return state is not null;
        }
        finally
        {
            _output = null;
        }
    }

    private void Emit(TOut value)
    {
        var output = _output ?? throw new InvalidOperationException("A processor emits before it returns; what it emits later has no record to belong to.");
        output.Add(new Record<TKey, TOut>(_record.Key, value, _record.Time, _record.Index));
    }
}
