namespace Streams.Processors;

/// <summary>
/// The states of a task's keys in memory, as the bytes that PostgreSQL has or will have. What was not used for long is forgotten once
/// it exceeds its size, and read again when it is needed: state may be larger than memory.
/// </summary>
/// <remarks>
/// Two generations instead of a list by age: what is used moves to the young one; when that is half of the size, it becomes the old
/// one, and what was still in the old one goes. A state that is not committed yet stays, since nobody else has it.
/// </remarks>
/// <param name="maxBytes">How much to keep, roughly.</param>
internal sealed class StateCache<TKey>(long maxBytes)
    where TKey : notnull
{
    private const int BytesPerEntry = 96;
    private Dictionary<TKey, CachedState> _young = [];
    private Dictionary<TKey, CachedState> _old = [];
    private long _youngBytes;

    public int Count => _young.Count + _old.Count;

    public bool TryGet(TKey key, out CachedState state)
    {
        if (_young.TryGetValue(key, out state))
        {
            return true;
        }

        if (!_old.Remove(key, out state))
        {
            return false;
        }

        Add(key, state);
        return true;
    }

    public void Put(TKey key, in CachedState state)
    {
        Remove(key);
        Add(key, state);
    }

    public void Remove(TKey key)
    {
        if (_young.Remove(key, out var state))
        {
            _youngBytes -= SizeOf(state);
        }

        _old.Remove(key);
    }

    /// <summary>Forgets what is too much, but for what later cycles than this one have changed.</summary>
    public void Trim(long committedCycle)
    {
        if (_youngBytes <= maxBytes / 2)
        {
            return;
        }

        var left = _old;
        (_old, _young, _youngBytes) = (_young, [], 0);
        foreach (var (key, state) in left)
        {
            if (state.Cycle > committedCycle)
            {
                Add(key, state);
            }
        }
    }

    private void Add(TKey key, in CachedState state)
    {
        _young.Add(key, state);
        _youngBytes += SizeOf(state);
    }

    private static long SizeOf(in CachedState state) => BytesPerEntry + (state.Bytes?.Length ?? 0);
}

/// <summary>A key's state.</summary>
/// <param name="Bytes">The state, encoded; <c>null</c> if the key has none. Never changed in place.</param>
/// <param name="Cycle">The commit cycle that changed it last; 0 if it is as it was read.</param>
internal readonly record struct CachedState(byte[]? Bytes, long Cycle);
