using System.Collections.Concurrent;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// Finds the replayed dead letter that the store refuses. Once a cycle with replays was refused, each goes into a cycle of
/// its own; if that is refused, it is to blame, and has failed again; the others go together, until a cycle of theirs is
/// refused. Outlives the tasks that start again meanwhile. The committer tells it; any thread may ask.
/// </summary>
internal sealed class ReplayIsolation
{
    private readonly ConcurrentDictionary<long, string> _rejected = new();
    private volatile bool _isOn;

    /// <summary>Each replay has a cycle of its own.</summary>
    public bool IsOn => _isOn;

    /// <summary>Why the store refuses the replay with this number; <c>null</c> if it is not known to.</summary>
    public string? Rejection(long number) => _rejected.GetValueOrDefault(number);

    /// <summary>The store refused these changes, with replays among them.</summary>
    /// <returns>False when they were those of a replay that has failed already: then isolating leads nowhere.</returns>
    public bool Refused(ChangeSet changes, string reason)
    {
        _isOn = changes.Records > 0 || changes.Replays.Count > 1;
        return _isOn || _rejected.TryAdd(changes.Replays[0].Number, reason);
    }
}
