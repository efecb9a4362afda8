using Confluent.Kafka;
using Simulation.Tests.Machine;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Simulation.Tests.Log;

/// <summary>A node's consumer of the fake log.</summary>
internal sealed class FakeReader(Simulator simulator, SimulatedProcess process, Network network, Cluster cluster, LogFaults faults, Membership membership)
    : IRecordReader
{
    private const int MostRecords = 12;
    private readonly HashSet<TopicPartition> _paused = [];
    private bool _isWoken;
    private (long Records, long Positions) _lookedAt = (-1, -1);
    private bool _canRead;

    public Membership Membership => membership;

    public void Subscribe(IReadOnlyList<string> topics) => membership.Start();

    public void Poll(TimeSpan timeout, List<RecordBatch> into)
    {
        // A longer wait than asked for: fewer turns of the loop. Whoever needs one wakes it.
        process.Thread.WaitUntil(() => _isWoken || membership.HasCallback || CanRead(), timeout * 50);
        membership.LastPoll = process.Time.GetElapsedTime(0);
        _isWoken = false;
        if (membership.HasCallback)
        {
            membership.RunCallback();
            _paused.RemoveWhere(p => !membership.Positions.ContainsKey(p));
            membership.LastPoll = process.Time.GetElapsedTime(0);
            return;
        }

        foreach (var partition in Readable().Where(_ => simulator.Chance(0.7)).ToList())
        {
            into.Add(Read(partition));
        }
    }

    public void Wake() => _isWoken = true;

    public void Pause(IReadOnlyCollection<TopicPartition> partitions)
    {
        _paused.UnionWith(partitions);
        membership.Version++;
    }

    public void Resume(IReadOnlyCollection<TopicPartition> partitions)
    {
        _paused.ExceptWith(partitions);
        membership.Version++;
    }

    public void Rewind(TopicPartition partition, long? offset)
    {
        if (membership.Positions.ContainsKey(partition))
        {
            membership.Positions[partition] = offset ?? 0;
            membership.Version++;
        }
    }

    public void CommitOffsets(IReadOnlyCollection<(TopicPartition Partition, long NextOffset)> offsets)
    {
        var place = membership.Place;
        _ = network.CallAsync(process, cluster.Process, "commit offsets", () =>
        {
            cluster.Group.CheckOffsets(place);
            foreach (var (partition, offset) in offsets)
            {
                cluster.Offsets.Commit(new PartitionOffset(partition, offset));
            }

            return Task.FromResult(true);
        });
    }

    public long? EndOffset(TopicPartition partition) => cluster.Topics.EndOf(partition);

    public IReadOnlyList<LogPosition> Committed(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout)
    {
        var call = CommittedAsync(partitions, timeout);
        process.Thread.Wait(call, Timeout.InfiniteTimeSpan);
        return call.GetAwaiter().GetResult();
    }

    public async Task<IReadOnlyList<LogPosition>> CommittedAsync(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout)
    {
        var offsets = await Retry.UntilAsync(
            process, timeout, () => network.CallAsync(process, cluster.Process, "committed offsets", () => cluster.CommittedAsync(partitions)));
        return [.. offsets.Select(PositionMetadata.ToPosition)];
    }

    public void Close() => membership.Close();

    public void Dispose() { }

    /// <summary>Asked before each step: looks only if something has changed.</summary>
    private bool CanRead()
    {
        var now = (cluster.Topics.Changes, membership.Version);
        if (now != _lookedAt)
        {
            (_lookedAt, _canRead) = (now, Readable().Any());
        }

        return _canRead;
    }

    private IEnumerable<TopicPartition> Readable() =>
        membership.Positions.Where(p => !_paused.Contains(p.Key) && cluster.Topics.HasCommitted(p.Key, p.Value)).Select(p => p.Key);

    private MemoryRecordBatch Read(TopicPartition partition)
    {
        var from = membership.Positions[partition];
        if (simulator.Chance(faults.Reread))
        {
            from = Math.Max(0, from - simulator.Random.Next(1, 10));
        }

        var records = cluster.Topics.Read(partition, from, simulator.Random.Next(1, MostRecords));
        var batch = new MemoryRecordBatch(partition, records);
        membership.Version++;
        membership.Positions[partition] = Math.Max(batch.NextOffset, simulator.Chance(faults.Reread) ? 0 : membership.Positions[partition]);
        return batch;
    }
}

/// <summary>How badly the log behaves.</summary>
internal sealed class LogFaults
{
    /// <summary>A read gives records that it gave before.</summary>
    public double Reread { get; set; }

    /// <summary>A call of the producer fails, and the transaction must be aborted.</summary>
    public double Abortable { get; set; }

    /// <summary>A call of the producer fails for good, having done its work or not.</summary>
    public double Fatal { get; set; }

    /// <summary>A call of the producer never returns, having done its work or not.</summary>
    public double Hanging { get; set; }

    public void Off() => Reread = Abortable = Fatal = Hanging = 0;
}

/// <summary>Calls that are made again while they may yet succeed, as the client library makes them.</summary>
internal static class Retry
{
    public static async Task<T> UntilAsync<T>(SimulatedProcess process, TimeSpan timeout, Func<Task<T>> call)
    {
        var started = process.Time.GetTimestamp();
        while (true)
        {
            try
            {
                return await call();
            }
            catch (Exception e) when (e is BrokenCallException || e is KafkaFailureException { Failure.Retriable: true, Failure.Code: ErrorCode.UnstableOffsetCommit })
            {
                if (process.Time.GetElapsedTime(started) >= timeout)
                {
                    throw Cluster.Failure(ErrorCode.Local_TimedOut);
                }
            }

            await Task.Delay(TimeSpan.FromMilliseconds(100), process.Time);
        }
    }
}
