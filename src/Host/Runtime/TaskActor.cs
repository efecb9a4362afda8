using System.Diagnostics.CodeAnalysis;
using Streams.Hosting.Runtime.Actors;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>What a task can be told.</summary>
internal abstract record TaskMessage
{
    /// <summary>Process these records, then dispose them.</summary>
    public sealed record Process(RecordBatch Batch) : TaskMessage;

    /// <summary>Run these dead letters once more, in this order, before batches that wait.</summary>
    public sealed record Replay(IReadOnlyList<ReplayRecord> Records) : TaskMessage;

    /// <summary>Hand over what was done since the last time, to one place of a collection. Urgent: it overtakes waiting batches.</summary>
    public sealed record TakeChanges(ChangeCollection Collection, int Place) : TaskMessage;

    /// <summary>A change set was committed and may be used again. It is there when the next one is taken, so that two per task are enough.</summary>
    public sealed record Recycle(ChangeSet Changes) : TaskMessage;
}

/// <summary>
/// Runs one <see cref="StreamTask"/>: batches in, change sets out on demand. While it waits for states that a batch needs it takes
/// no other message.
/// </summary>
internal sealed class TaskActor(
    OwnedTask owned,
    StreamTask task,
    NodeLoad load,
    TimeProvider time,
    Func<TopicPartition, IReadOnlyList<StateLoad>, CancellationToken, Task> loadStates,
    Action commitSoon,
    Action roomMade) : Actor<TaskMessage>
{
    private readonly LinkedList<RecordBatch> _held = new();
    private readonly Queue<ReplayRecord> _replays = new();
    private long _countedBytes;
    private bool _isOfOneReplay;

    public override async ValueTask ReceiveAsync(TaskMessage message, CancellationToken stopping)
    {
        switch (message)
        {
            case TaskMessage.Process process:
                _held.AddLast(process.Batch);
                await RunHeldAsync(stopping);
                break;
            case TaskMessage.Replay replay:
                foreach (var record in replay.Records)
                {
                    _replays.Enqueue(record);
                }

                await RunHeldAsync(stopping);
                break;
            case TaskMessage.TakeChanges take:
                TakeChanges(take);
                await RunHeldAsync(stopping);
                break;
            case TaskMessage.Recycle recycle:
                task.Recycle(recycle.Changes);
                break;
        }

        owned.HasWork = task.HasChanges || _held.Count > 0 || _replays.Count > 0;
    }

    public override void Discard(TaskMessage message)
    {
        switch (message)
        {
            case TaskMessage.Process process:
                Release(process.Batch);
                break;
            case TaskMessage.TakeChanges take:
                take.Collection.Put(take.Place, null);
                break;
            case TaskMessage.Recycle recycle:
                recycle.Changes.Dispose();
                break;
        }
    }

    public override ValueTask StoppedAsync()
    {
        while (TryNext(out var batch))
        {
            Release(batch);
        }

        load.Add(-_countedBytes);
        task.Dispose();
        return ValueTask.CompletedTask;
    }

    private void TakeChanges(TaskMessage.TakeChanges take)
    {
        var changes = task.TakeChanges();
        load.Add(-_countedBytes);
        _countedBytes = 0;
        _isOfOneReplay = false;
        take.Collection.Put(take.Place, changes);
    }

    /// <summary>Works off what waits, as far as there is room before the next commit.</summary>
    private async ValueTask RunHeldAsync(CancellationToken stopping)
    {
        while (!IsFull)
        {
            if (_replays.TryPeek(out var replay))
            {
                if (owned.ReplayIsolation.IsOn && task.HasChanges)
                {
                    // Its cycle is to have nothing else.
                    commitSoon();
                    return;
                }

                await RunAsync(replay, stopping);
            }
            else if (TryNext(out var batch))
            {
                await RunAsync(batch, stopping);
            }
            else
            {
                return;
            }
        }
    }

    /// <summary>Until the next commit: the node's tasks together hold enough, or this one has all that a cycle of its may hold.</summary>
    private bool IsFull => load.IsFull || Room == 0 || _isOfOneReplay;

    /// <summary>How many records this cycle may still take.</summary>
    private long Room => owned.Isolation is { } isolation ? Math.Max(0, isolation.Step - task.PendingRecords) : long.MaxValue;

    private bool TryNext([NotNullWhen(true)] out RecordBatch? batch)
    {
        batch = _held.First?.Value;
        if (batch is null)
        {
            return false;
        }

        _held.RemoveFirst();
        return true;
    }

    private async ValueTask RunAsync(RecordBatch batch, CancellationToken stopping)
    {
        var part = batch;
        var room = Room;
        if (room < batch.Count)
        {
            part = new BatchSlice(batch, 0, (int)room, owns: false);
            _held.AddFirst(new BatchSlice(batch, (int)room, batch.Count - (int)room, owns: true));
        }

        try
        {
            while (!owned.IsAbandoned && !task.Process(part, time.GetUtcNow().UtcDateTime))
            {
                await loadStates(owned.Partition, task.Missing, stopping);
            }
        }
        finally
        {
            if (part == batch)
            {
                Release(batch);
            }
        }

        Count();
    }

    private async ValueTask RunAsync(ReplayRecord record, CancellationToken stopping)
    {
        while (!owned.IsAbandoned && !task.Replay(
            record, isMuted: record.Number <= owned.MutedReplays, time.GetUtcNow().UtcDateTime, owned.ReplayIsolation.Rejection(record.Number)))
        {
            await loadStates(owned.Partition, task.Missing, stopping);
        }

        _isOfOneReplay = !owned.IsAbandoned && owned.ReplayIsolation.IsOn;

        _replays.Dequeue();
        owned.HasRequests = _replays.Count > 0;
        Count();
    }

    /// <summary>Counts what is held for the next commit, which comes early if that is enough.</summary>
    private void Count()
    {
        var bytes = task.PendingBytes;
        load.Add(bytes - _countedBytes);
        _countedBytes = bytes;
        if (load.WantsCommit || Room == 0 || _isOfOneReplay)
        {
            // Or the cycle would pass over the task that asks for it.
            owned.HasWork = true;
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
