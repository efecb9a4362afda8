namespace Streams.Processors;

/// <summary>The records that one node puts out for one batch of input. Reused from batch to batch; read by every node below.</summary>
internal sealed class Batch<TKey, TValue>
{
    private Record<TKey, TValue>[] _records = [];

    public int Count { get; private set; }

    public ReadOnlySpan<Record<TKey, TValue>> Records => _records.AsSpan(0, Count);

    public void Add(in Record<TKey, TValue> record)
    {
        if (Count == _records.Length)
        {
            Array.Resize(ref _records, Math.Max(256, Count * 2));
        }

        _records[Count++] = record;
    }

    public void Clear() => Count = 0;

    /// <summary>Removes the records whose source record is out.</summary>
    public void RemoveFailed(BatchContext context)
    {
        var kept = 0;
        for (var i = 0; i < Count; i++)
        {
            if (!context.IsOut(_records[i].Index))
            {
                _records[kept++] = _records[i];
            }
        }

        Count = kept;
    }
}
