namespace Streams.Hosting.Offsets;

/// <summary>How far an application has read one partition of its input, and what the topic has.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition's number.</param>
/// <param name="NextOffset">The next offset to read, as committed; <c>null</c> before the first commit: it starts at the beginning.</param>
/// <param name="First">The first offset that the topic still has.</param>
/// <param name="End">The offset after its last record.</param>
/// <param name="Epoch">How often the partition was taken over; <c>null</c> if no node ever had it.</param>
/// <param name="StreamTime">The highest event time committed, UTC; <c>null</c> before the first record.</param>
/// <param name="Node">Who had it last.</param>
public sealed record InputPosition(
    string Topic, int Partition, long? NextOffset, long First, long End, long? Epoch, DateTime? StreamTime, string? Node)
{
    /// <summary>Records (or rather offsets) between what is committed and the end; 0 or more.</summary>
    public long Lag => Math.Max(0, End - Math.Max(NextOffset ?? First, First));

    /// <summary>Offsets that were never read and are not in the topic any more; 0 usually.</summary>
    public long Lost => NextOffset is { } next ? Math.Max(0, First - next) : 0;

    /// <summary>Whether the topic ends before the offset to go on from: it was deleted and created again.</summary>
    public bool IsBeyondEnd => NextOffset > End;

    /// <summary>Whether a node can go on from here.</summary>
    public bool IsInRange => Lost == 0 && !IsBeyondEnd;
}

/// <summary>Where a partition shall go on.</summary>
/// <param name="From">How it stands.</param>
/// <param name="NextOffset">The next offset to read.</param>
public sealed record OffsetMove(InputPosition From, long NextOffset)
{
    /// <summary>Records that were committed already and would take effect once more in tables of counts and sums; 0 unless it goes back within the topic as it was read.</summary>
    public long Repeated => From.IsBeyondEnd ? 0 : Math.Max(0, (From.NextOffset ?? From.First) - Math.Max(NextOffset, From.First));

    /// <summary>Records that would never be read, beyond those that are lost anyhow.</summary>
    public long Skipped => From.IsBeyondEnd ? Math.Max(0, NextOffset - From.First) : Math.Max(0, NextOffset - Math.Max(From.NextOffset ?? From.First, From.First));
}

/// <summary>Offsets could not be read or moved. The message says why, and what to do.</summary>
public sealed class OffsetsException : Exception
{
    internal OffsetsException(string message, Exception? inner = null) : base(message, inner) { }
}
