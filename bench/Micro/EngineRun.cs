using Streams.Processors;

namespace Streams.Bench.Micro;

/// <summary>One task of the engine over an endless batch; its changes are taken and dropped after each.</summary>
internal sealed class EngineRun : IDisposable
{
    private static readonly DateTime Now = new(2026, 1, 2, 0, 0, 0, DateTimeKind.Utc);

    private readonly StreamTask _task;
    private readonly EndlessBatch _batch;

    public EngineRun(Topology topology, byte[][] values)
    {
        _batch = new EndlessBatch(values);
        _task = new StreamTask(new TaskLayout(topology), _batch.Partition, new TaskOptions(), 0, null);
    }

    /// <summary>Runs the batch, as after the last commit.</summary>
    public long Run()
    {
        var changes = Changes();
        var next = changes.NextOffset;
        _task.Recycle(changes);
        return next;
    }

    /// <summary>Runs the batch and returns what it has done; that is not used again.</summary>
    public ChangeSet Changes()
    {
        _task.Process(_batch, Now);
        _batch.Advance();
        return _task.TakeChanges();
    }

    public void Dispose() => _task.Dispose();
}
