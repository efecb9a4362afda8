using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// Finds the records of one partition that the store refuses, by halving. What a refused cycle holds is added up already,
/// so the task goes back to its last commit and repeats that stretch in cycles of half as many records; each commit doubles
/// them again, until the task is past what was refused at first. A cycle of one record that is refused names the culprit.
/// </summary>
/// <remarks>
/// <code>
///             refused, more than one record: halve, go back
///              +-----+
///              v     |          committed, and past it all
/// (refused) --> narrowing ------------------------------> (none)
///              ^     |
///              +-----+
///             refused, one record: it becomes a dead letter, go back
///             committed: double
/// </code>
/// A refused stretch of n records with one culprit takes about 2 log2(n) cycles. The committer's, but for <see cref="Step"/>.
/// </remarks>
internal sealed class Isolation
{
    private readonly Dictionary<long, string> _rejected = [];
    private long _step = long.MaxValue;
    private long _until;

    /// <summary>How many records a cycle may hold. Any thread may ask.</summary>
    public long Step => Interlocked.Read(ref _step);

    /// <summary>Offsets of records that are dead letters from now on, and why.</summary>
    public IReadOnlyDictionary<long, string> Rejected => _rejected;

    /// <summary>The store refused these changes.</summary>
    /// <returns>False when they were those of a record that is a dead letter already: then halving leads nowhere.</returns>
    public bool Refused(ChangeSet changes, string reason)
    {
        _until = Math.Max(_until, changes.NextOffset);
        Interlocked.Exchange(ref _step, Math.Max(1, Math.Min(Step, changes.Records) / 2));
        return changes.Records > 1 || _rejected.TryAdd(changes.LastOffset, reason);
    }

    /// <summary>The store took a cycle.</summary>
    /// <returns>Whether the task is past everything that was refused.</returns>
    public bool Committed(long nextOffset)
    {
        if (nextOffset >= _until)
        {
            return true;
        }

        Interlocked.Exchange(ref _step, Math.Min(Step, long.MaxValue / 2) * 2);
        return false;
    }
}
