using Streams.Hosting.Runtime.Actors;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>What a task can be told.</summary>
internal abstract record TaskMessage
{
    /// <summary>Process these records, then dispose them.</summary>
    public sealed record Process(RecordBatch Batch) : TaskMessage;

    /// <summary>Hand over what was done since the last time. Urgent: it overtakes waiting batches.</summary>
    public sealed record TakeChanges(TaskCompletionSource<ChangeSet?> Reply) : TaskMessage;

    /// <summary>A change set was committed and may be used again.</summary>
    public sealed record Recycle(ChangeSet Changes) : TaskMessage;
}

/// <summary>Runs one <see cref="StreamTask"/>: batches in, change sets out on demand.</summary>
internal sealed class TaskActor(OwnedTask owned, StreamTask task, NodeLoad load, TimeProvider time, Action commitSoon, Action roomMade)
    : Actor<TaskMessage>
{
    private readonly Queue<RecordBatch> _held = new();
    private long _countedBytes;

    public override ValueTask ReceiveAsync(TaskMessage message, CancellationToken stopping)
    {
        switch (message)
        {
            case TaskMessage.Process process when load.IsFull || _held.Count > 0:
                _held.Enqueue(process.Batch);
                break;
            case TaskMessage.Process process:
                Run(process.Batch);
                break;
            case TaskMessage.TakeChanges take:
                TakeChanges(take.Reply);
                break;
            case TaskMessage.Recycle recycle:
                task.Recycle(recycle.Changes);
                break;
        }

        return ValueTask.CompletedTask;
    }

    public override void Discard(TaskMessage message)
    {
        switch (message)
        {
            case TaskMessage.Process process:
                Release(process.Batch);
                break;
            case TaskMessage.TakeChanges take:
                take.Reply.TrySetResult(null);
                break;
            case TaskMessage.Recycle recycle:
                recycle.Changes.Dispose();
                break;
        }
    }

    public override ValueTask StoppedAsync()
    {
        while (_held.TryDequeue(out var batch))
        {
            Release(batch);
        }

        load.Add(-_countedBytes);
        task.Dispose();
        return ValueTask.CompletedTask;
    }

    private void TakeChanges(TaskCompletionSource<ChangeSet?> reply)
    {
        var changes = task.TakeChanges();
        load.Add(-_countedBytes);
        _countedBytes = 0;
        if (!reply.TrySetResult(changes))
        {
            changes.Dispose();
        }

        while (!load.IsFull && _held.TryDequeue(out var batch))
        {
            Run(batch);
        }
    }

    private void Run(RecordBatch batch)
    {
        try
        {
            if (!owned.IsAbandoned)
            {
                task.Process(batch, time.GetUtcNow().UtcDateTime);
            }
        }
        finally
        {
            Release(batch);
        }

        var bytes = task.PendingBytes;
        load.Add(bytes - _countedBytes);
        _countedBytes = bytes;
        if (load.WantsCommit)
        {
            commitSoon();
        }
    }

    private void Release(RecordBatch batch)
    {
        owned.Dequeued(batch.SizeBytes);
        batch.Dispose();
        roomMade();
    }
}
