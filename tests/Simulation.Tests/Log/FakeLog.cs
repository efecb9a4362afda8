using Confluent.Kafka;
using Simulation.Tests.Machine;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Simulation.Tests.Log;

/// <summary>The fake log as one node reaches it. With transactions the production writers run over fake producers.</summary>
internal sealed class FakeLog(
    Simulator simulator, SimulatedProcess process, Network network, Cluster cluster, LogFaults faults, string nodeName, bool isStatic, bool isTransactional)
    : IRecordLog
{
    private static readonly TimeSpan _maxPollInterval = TimeSpan.FromSeconds(40);

    public IRecordReader CreateReader(IPartitionOwner owner, Action<KafkaFailure> onFailure) => new FakeReader(
        simulator,
        process,
        network,
        cluster,
        faults,
        new Membership(process, network, cluster, isStatic ? nodeName : null, _maxPollInterval, owner, onFailure));

    public IRecordWriter CreateWriter(IRecordReader reader, Action<KafkaFailure> onFailure) => isTransactional
        ? KafkaTransactionalWriter.Alternating(
            $"simulated/{nodeName}", id => new FakeTransactionalClient(simulator, process, network, cluster, faults, (FakeReader)reader, id), process.Time)
        : new FakePlainWriter(simulator, process, network, cluster, faults);

    public Task<string?> FindMissingTopicAsync(CancellationToken cancellation) =>
        network.CallAsync(process, cluster.Process, "find topics", () => Task.FromResult<string?>(null)).WaitAsync(cancellation);

    public Task<(long First, long End)> RangeAsync(TopicPartition partition, CancellationToken cancellation) =>
        network.CallAsync(process, cluster.Process, "range", () => Task.FromResult((0L, cluster.Topics.EndOf(partition))));
}

/// <summary>A producer without transactions: what it sent is there, whether or not it hears of it.</summary>
internal sealed class FakePlainWriter(Simulator simulator, SimulatedProcess process, Network network, Cluster cluster, LogFaults faults) : IRecordWriter
{
    private readonly List<(TopicPartition Partition, LogRecord Record)> _unsent = [];

    public bool IsTransactional => false;

    public Task PrepareAsync(CancellationToken cancellation) => Task.CompletedTask;

    public Task BeginAsync(CancellationToken cancellation) => Task.CompletedTask;

    public void Send(OutputBuffer records, CancellationToken cancellation) => _unsent.AddRange(FakeProducer.Copy(cluster.Topics, records));

    public Task SettleAsync(CancellationToken cancellation) => FlushAsync(cancellation);

    public Task ArriveAsync(CancellationToken cancellation) => FlushAsync(cancellation);

    public Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => FlushAsync(cancellation);

    private async Task FlushAsync(CancellationToken cancellation)
    {
        List<(TopicPartition Partition, LogRecord Record)> batch = [.. _unsent];
        _unsent.Clear();
        if (batch.Count == 0)
        {
            return;
        }

        var fails = simulator.Chance(faults.Abortable);
        var arrived = fails ? batch[..simulator.Random.Next(batch.Count + 1)] : batch;
        await Retry.UntilAsync(process, TimeSpan.FromSeconds(20), () => network.CallAsync(process, cluster.Process, $"produce {batch.Count}", () =>
        {
            foreach (var (partition, record) in arrived)
            {
                cluster.Topics.Append(partition, record);
            }

            arrived = [];
            return Task.FromResult(true);
        }));
        if (fails)
        {
            throw Cluster.Failure(ErrorCode.Local_MsgTimedOut);
        }
    }

    public Task AbandonAsync(CancellationToken cancellation)
    {
        _unsent.Clear();
        return Task.CompletedTask;
    }

    public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => Task.FromResult(false);

    public void Dispose() { }
}
