using System.Collections.Concurrent;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// The consumer's own thread: polls the log and hands each task its batches. When a mailbox is full it waits a little for
/// the task, then pauses the partition, so that the others go on and backpressure reaches the broker.
/// </summary>
internal sealed class ConsumerLoop : IDisposable
{
    private static readonly TimeSpan _pollTimeout = TimeSpan.FromMilliseconds(100);

    /// <summary>Pausing makes the client throw away what it fetched ahead, so a task that is only a little behind is waited for.</summary>
    private static readonly TimeSpan _patience = TimeSpan.FromMilliseconds(200);

    private readonly IRecordReader _reader;
    private readonly Partitions _partitions;
    private readonly long _mailboxBytes;
    private readonly Circuit _circuit;
    private readonly NodeSurroundings _surroundings;
    private readonly CancellationTokenSource _stopping = new();
    private readonly TaskCompletionSource _stopped = new(TaskCreationOptions.RunContinuationsAsynchronously);
    private readonly List<OwnedTask> _full = [];
    private readonly ConcurrentQueue<Func<(TopicPartition Partition, long? From)?>> _starts = new();
    private volatile TaskCompletionSource _roomMade = NewSignal();
    private volatile bool _anyPaused;
    private bool _isStarted;

    public ConsumerLoop(IRecordReader reader, Partitions partitions, long mailboxBytes, Circuit circuit, NodeSurroundings surroundings)
    {
        _reader = reader;
        _partitions = partitions;
        _mailboxBytes = mailboxBytes;
        _circuit = circuit;
        _surroundings = surroundings;
    }

    /// <summary>Completes when the consumer has left its group; faults if polling failed.</summary>
    public Task Stopped => _stopped.Task;

    public void Start(IReadOnlyList<string> topics)
    {
        _reader.Subscribe(topics);
        _isStarted = true;
        _surroundings.ConsumerThread.Start(Run);
    }

    /// <summary>Leaves the group: partitions are revoked, and so committed and released, on the way.</summary>
    public Task StopAsync()
    {
        _stopping.Cancel();
        if (!_isStarted)
        {
            return Task.CompletedTask;
        }

        _roomMade.TrySetResult();
        _reader.Wake();
        return Stopped;
    }

    /// <summary>A task worked off a batch. Called by tasks.</summary>
    public void RoomMade()
    {
        _roomMade.TrySetResult();
        if (_anyPaused)
        {
            _reader.Wake();
        }
    }

    /// <summary>Has a task started between two polls, on the consumer's thread; any thread may ask for it.</summary>
    /// <param name="start">Starts it, and says where to read its partition from; <c>null</c> if there is nothing to start any more.</param>
    public void Start(Func<(TopicPartition Partition, long? From)?> start)
    {
        _starts.Enqueue(start);
        _reader.Wake();
    }

    public void Dispose() => _stopping.Dispose();

    private static TaskCompletionSource NewSignal() => new(TaskCreationOptions.RunContinuationsAsynchronously);

    private void Run()
    {
        var batches = new List<RecordBatch>();
        try
        {
            while (!_stopping.IsCancellationRequested)
            {
                _reader.Poll(_pollTimeout, batches);
                Deliver(batches);
                WaitForRoom();
                HoldWhileOpen();
                ResumePaused();
                StartTasks();
            }

            _reader.Close();
            _stopped.SetResult();
        }
        catch (Exception e)
        {
            _stopped.SetException(e);
        }
    }

    private void Deliver(List<RecordBatch> batches)
    {
        foreach (var batch in batches)
        {
            if (_partitions.Find(batch.Partition) is not { } task)
            {
                batch.Dispose();
                continue;
            }

            task.Queued(batch.SizeBytes);
            task.Actor.Tell(new TaskMessage.Process(batch));
            if (task.QueuedBytes > _mailboxBytes && !task.IsPaused)
            {
                _full.Add(task);
            }
        }

        batches.Clear();
    }

    private void WaitForRoom()
    {
        if (_full.Count == 0)
        {
            return;
        }

        var started = _surroundings.Time.GetTimestamp();
        while (!_stopping.IsCancellationRequested && _full.Exists(IsFull))
        {
            var left = _patience - _surroundings.Time.GetElapsedTime(started);
            if (left <= TimeSpan.Zero)
            {
                break;
            }

            // The signal first, then the look: room made in between sets the new one.
            var signal = NewSignal();
            _roomMade = signal;
            if (_full.Exists(IsFull) && !_stopping.IsCancellationRequested)
            {
                _surroundings.ConsumerThread.Wait(signal.Task, left);
            }
        }

        Pause([.. _full.Where(t => IsFull(t) && !t.IsPaused && !t.IsAbandoned)]);
        _full.Clear();
    }

    private void HoldWhileOpen()
    {
        if (_circuit.IsOpen)
        {
            Pause([.. _partitions.Running.Where(t => !t.IsPaused)]);
        }
    }

    private void Pause(OwnedTask[] tasks)
    {
        if (tasks.Length > 0)
        {
            _anyPaused = true;
            _reader.Pause([.. tasks.Select(t => t.Partition)]);
            foreach (var task in tasks)
            {
                task.IsPaused = true;
            }
        }
    }

    private void ResumePaused()
    {
        if (!_anyPaused || _circuit.IsOpen)
        {
            return;
        }

        OwnedTask[] paused = [.. _partitions.Running.Where(t => t.IsPaused)];
        OwnedTask[] ready = [.. paused.Where(t => t.QueuedBytes <= _mailboxBytes / 2)];
        if (ready.Length > 0)
        {
            _reader.Resume([.. ready.Select(t => t.Partition)]);
            foreach (var task in ready)
            {
                task.IsPaused = false;
            }
        }

        _anyPaused = paused.Length > ready.Length;
    }

    /// <summary>What the next poll brings is from where the new task starts.</summary>
    private void StartTasks()
    {
        while (_starts.TryDequeue(out var start))
        {
            if (start() is var (partition, from))
            {
                _reader.Resume([partition]);
                _reader.Rewind(partition, from);
            }
        }
    }

    private bool IsFull(OwnedTask task) => task.QueuedBytes > _mailboxBytes;
}
