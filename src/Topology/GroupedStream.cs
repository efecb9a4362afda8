namespace Streams;

/// <summary>A stream whose records are assigned to groups, ready to be windowed or aggregated.</summary>
public sealed class GroupedStream<TKey, TValue, TGroup>
{
    internal GroupedStream(Stream<TKey, TValue> stream, RecordFunc<TKey, TValue, TGroup> selector, bool readsKey, string? column, Windows? windows)
    {
        Stream = stream;
        Selector = selector;
        ReadsKey = readsKey;
        Column = column;
        Windows = windows;
    }

    internal Stream<TKey, TValue> Stream { get; }

    internal RecordFunc<TKey, TValue, TGroup> Selector { get; }

    internal bool ReadsKey { get; }

    /// <summary>The name of the group's column when the group is one plain value.</summary>
    internal string? Column { get; }

    internal Windows? Windows { get; }
}
