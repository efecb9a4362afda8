using System.Text;
using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>One task of the real engine, fed by hand, with what it needs to know for its next commit.</summary>
internal sealed class Worker(Topology topology, int partition = 0, string topic = "clickstream") : IDisposable
{
    private static readonly DateTime _now = new(2100, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private readonly TaskLayout _layout = new(topology);
    private StreamTask? _task;
    private PartitionStart? _start;
    private long _nextOffset;
    private long? _committed;

    public TopicPartition Partition { get; } = new(topic, partition);

    public long Epoch => _start!.Epoch;

    /// <summary>The offset of the record to feed next.</summary>
    public long NextOffset => _nextOffset;

    private StreamTask Task => _task ?? throw new InvalidOperationException("Acquire the partition first.");

    public void Start(PartitionStart start)
    {
        _start = start;
        _committed = start.NextOffset;
        _nextOffset = start.NextOffset ?? 0;
        _task?.Dispose();
        _task = new StreamTask(_layout, Partition, new TaskOptions(), _nextOffset, start.StreamTime);
    }

    /// <summary>Records with these values, one second apart from the given time on.</summary>
    public void Feed(DateTime time, params string?[] values) =>
        Feed([.. values.Select((v, i) => new LogRecord(_nextOffset + i, null, v is null ? null : Encoding.UTF8.GetBytes(v), Milliseconds(time.AddSeconds(i)), []))]);

    public void Feed(params LogRecord[] records)
    {
        using var batch = new MemoryRecordBatch(Partition, records);
        Assert.True(Task.Process(batch, _now), "The batch needs states; feed it with the store that has them.");
        _nextOffset = Task.NextOffset;
    }

    /// <summary>Feeds records to operators that have states, which are read from a store.</summary>
    public async System.Threading.Tasks.Task FeedAsync(IStateStore store, params LogRecord[] records)
    {
        using var batch = new MemoryRecordBatch(Partition, records);
        while (!Task.Process(batch, _now))
        {
            await store.LoadAsync(Partition, Task.Missing, TestContext.Current.CancellationToken);
        }

        _nextOffset = Task.NextOffset;
    }

    /// <summary>Runs dead letters once more.</summary>
    public void Replay(IEnumerable<ReplayRecord> records)
    {
        foreach (var record in records)
        {
            Task.Replay(record, isMuted: false, _now);
        }
    }

    /// <summary>What was done since the last call, ready to commit.</summary>
    public TaskCommit Take() => new(Task.TakeChanges(), _start!.Epoch, _committed);

    /// <summary>The commit took place: the next one starts from there.</summary>
    public void Committed(TaskCommit commit)
    {
        _committed = commit.Changes.NextOffset;
        Task.Recycle(commit.Changes);
    }

    public void Dispose() => _task?.Dispose();

    private static long Milliseconds(DateTime time) => (long)(time - DateTime.UnixEpoch).TotalMilliseconds;
}
