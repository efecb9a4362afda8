using System.Runtime.InteropServices;

namespace Streams.Processors;

/// <summary>
/// Runs a function that has a state per key. The states that a batch needs are looked for first: if some are not in memory, the batch
/// is put off until they are loaded. Each record gets the state as it was stored, decoded anew: what a function does to the
/// object that it got, and what it has put out before, are not mixed up, however batches are cut.
/// </summary>
internal sealed class StateStep<TKey, TValue, TState, TOut> : Step
    where TKey : notnull
{
    private readonly StateNode<TKey, TValue, TState, TOut> _node;
    private readonly Batch<TKey, TValue> _input;
    private readonly BatchContext _context;
    private readonly Batch<TKey, TOut> _output;
    private readonly int _slot;
    private readonly StateFunction<TKey, TValue, TState, TOut> _function;
    private readonly StateCache<TKey> _cache;
    private readonly StateLoad<TKey> _load;
    private readonly Dictionary<TKey, NewState> _new = [];
    private readonly ByteBuffer _encoded = new();

    public StateStep(
        StateNode<TKey, TValue, TState, TOut> node, Batch<TKey, TValue> input, BatchContext context, Batch<TKey, TOut> output, int slot)
    {
        (_node, _input, _context, _output, _slot) = (node, input, context, output, slot);
        _function = node.CreateFunction();
        _cache = new StateCache<TKey>(context.Options.StateCacheBytes);
        _load = new StateLoad<TKey>(node.Table, node.Shape, _cache, context.Partition);
    }

    /// <summary>A state that this batch has made: its place among the encoded ones, or none.</summary>
    private readonly record struct NewState(bool Exists, int Start, int Length, byte[]? Kept = null, bool IsChanged = false);

    private RowBuffer Rows => _context.Changes.Rows[_slot];

    private string TableName => _node.Table.Name;

    public override void Run()
    {
        _output.Clear();
        _new.Clear();
        _encoded.Truncate(0);
        FindMissing();
        if (_load.Count > 0)
        {
            _context.Missing.Add(_load);
            return;
        }

        // Where a record fails the batch is run again: what comes after would be for nothing.
        if (_context.FirstFailure is null)
        {
            ForEach(static (step, in record) => step.Process(in record));
        }

        if (_context.FirstFailure is null)
        {
            AppendRows();
        }
    }

    public override void Accept()
    {
        Rows.Accept();
        foreach (var (key, state) in _new)
        {
            if (state.IsChanged)
            {
                _cache.Put(key, new CachedState(state.Kept, _context.Cycle));
            }
        }

        _cache.Trim(_context.CommittedCycle);
    }

    public override void Discard() => Rows.Discard();

    public override void Dispose()
    {
        base.Dispose();
        _load.Dispose();
        _encoded.Dispose();
    }

    private void FindMissing()
    {
        _load.Clear();
        ForEach(static (step, in record) =>
        {
            if (record.Key is null)
            {
                throw new RecordRejectedException($"The key is null, and table {step.TableName} keeps a state per key.");
            }

            if (!step._cache.TryGet(record.Key, out _))
            {
                step._load.Add(record.Key);
            }
        });
    }

    private delegate void RecordAction(StateStep<TKey, TValue, TState, TOut> step, in Record<TKey, TValue> record);

    /// <summary>A record that throws fails alone.</summary>
    private void ForEach(RecordAction action)
    {
        var records = _input.Records;
        var i = 0;
        while (i < records.Length)
        {
            try
            {
                for (; i < records.Length; i++)
                {
                    action(this, in records[i]);
                }
            }
            catch (Exception e) when (BatchContext.IsFaultOfRecord(e))
            {
                _context.Fail(records[i].Index, _node.Name, e);
                i++;
            }
        }
    }

    private void Process(in Record<TKey, TValue> record)
    {
        var state = Find(record.Key, out var exists);
        exists = _function(in record, ref state, exists, _output);
        var start = _encoded.Length;
        if (exists)
        {
            _node.Codec.Encode(state!, _encoded);
            PostgresText.CheckJson(_encoded.Slice(start, _encoded.Length - start), _node.Table.Columns[^1]);
        }

        _new[record.Key] = new NewState(exists, start, _encoded.Length - start);
    }

    private TState? Find(TKey key, out bool exists)
    {
        ReadOnlySpan<byte> bytes;
        if (_new.TryGetValue(key, out var state))
        {
            exists = state.Exists;
            bytes = _encoded.Slice(state.Start, state.Length);
        }
        else
        {
            _cache.TryGet(key, out var cached);
            exists = cached.Bytes is not null;
            bytes = cached.Bytes;
        }

        return exists ? Decode(key, bytes) : default;
    }

    private TState Decode(TKey key, ReadOnlySpan<byte> bytes)
    {
        try
        {
            return _node.Codec.Decode(bytes);
        }
        catch (Exception e) when (BatchContext.IsFaultOfRecord(e))
        {
            // Once somebody has mended it, it is to be read again.
            if (_cache.TryGet(key, out var cached) && cached.Cycle <= _context.CommittedCycle)
            {
                _cache.Remove(key);
            }

            throw new CodecException($"The state of this record's key in table {TableName} cannot be decoded: {e.Message}", e);
        }
    }

    /// <summary>A row for each key whose state is another one than before the batch; a null says that it has none any more.</summary>
    private void AppendRows()
    {
        var rows = Rows;
        foreach (var key in _new.Keys)
        {
            ref var state = ref CollectionsMarshal.GetValueRefOrNullRef(_new, key);
            _cache.TryGet(key, out var before);
            var bytes = _encoded.Slice(state.Start, state.Length);
            if (state.Exists == before.Bytes is not null && bytes.SequenceEqual(before.Bytes))
            {
                continue;
            }

            state = state with { Kept = state.Exists ? bytes.ToArray() : null, IsChanged = true };
            ((ColumnBuffer<string>)rows.Columns[0]).Append(_context.Partition.Topic);
            ((ColumnBuffer<int>)rows.Columns[1]).Append(_context.Partition.Partition);
            _node.Shape.Append(key, rows.Columns, StateLoad.TaskColumns);
            if (state.Kept is { } kept)
            {
                ((BytesColumnBuffer)rows.Columns[^1]).Append(kept);
            }
            else
            {
                rows.Columns[^1].AppendNull();
            }
        }
    }
}
