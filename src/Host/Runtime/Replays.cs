namespace Streams.Hosting.Runtime;

/// <summary>
/// Looks for dead letters that somebody wants run once more, and hands them to the tasks of their partitions. What a task
/// got and did not commit is found again by the partition's next owner.
/// </summary>
internal sealed class Replays(Partitions partitions, IStateStore store)
{
    /// <summary>Asks the store once, for all tasks that are through with what they got.</summary>
    public async Task FindAsync(CancellationToken cancellation)
    {
        var tasks = partitions.Running.Where(t => !t.HasRequests).ToDictionary(t => t.Partition);
        if (tasks.Count == 0)
        {
            return;
        }

        var found = await store.FindReplaysAsync([.. tasks.Values.Select(t => (t.Partition, t.LastRequest))], cancellation);
        foreach (var records in found.GroupBy(r => r.Partition))
        {
            var task = tasks[records.Key];
            task.LastRequest = records.Max(r => r.Number);
            task.HasRequests = true;
            task.Actor.Tell(new TaskMessage.Replay([.. records]));
        }
    }
}
