using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>The change sets of several tasks, each put in by its own; waited for once, and not once per task.</summary>
internal sealed class ChangeCollection
{
    private readonly TaskCompletionSource<ChangeSet?[]> _completed = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly ChangeSet?[] _changes;
    private int _missing;

    /// <param name="count">From how many tasks.</param>
    public ChangeCollection(int count)
    {
        _changes = new ChangeSet?[count];
        _missing = count;
        if (count == 0)
        {
            _completed.SetResult(_changes);
        }
    }

    /// <summary>What each place was given, when all have been.</summary>
    public Task<ChangeSet?[]> Completed => _completed.Task;

    /// <summary>Fills a place, once. <c>null</c>: the task is gone.</summary>
    public void Put(int place, ChangeSet? changes)
    {
        _changes[place] = changes;
        if (Interlocked.Decrement(ref _missing) == 0)
        {
            _completed.SetResult(_changes);
        }
    }
}
