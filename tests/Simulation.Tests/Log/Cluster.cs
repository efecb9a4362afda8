using Confluent.Kafka;
using Simulation.Tests.Machine;
using Streams.Hosting.Kafka;
using Streams.Processors.Testing;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Simulation.Tests.Log;

/// <summary>
/// The server of the fake log, as Kafka is where it matters: transactions per transactional id, with epochs that fence earlier
/// producers, a timeout, an end that is decided first and takes effect later; offsets of a transaction that hold up whoever
/// asks for them. Its methods run as the server's process.
/// </summary>
internal sealed class Cluster
{
    private readonly Simulator _simulator;
    private readonly TimeSpan _transactionTimeout;
    private readonly Dictionary<string, ProducerState> _producers = new(StringComparer.Ordinal);

    private sealed class ProducerState
    {
        public int Epoch { get; set; }

        public LogTransaction? Open { get; set; }

        /// <summary>The transaction that is decided and takes effect soon.</summary>
        public TaskCompletionSource? Ending { get; set; }

        /// <summary>The epoch whose transaction was ended last, and how: a call that is made again gets the same answer.</summary>
        public (int Epoch, bool Commit)? Last { get; set; }
    }

    /// <param name="simulator">Chooses.</param>
    /// <param name="group">How the group behaves.</param>
    /// <param name="transactionTimeout">How long a transaction may be open.</param>
    /// <param name="sources">The topics that the group reads, with their numbers of partitions.</param>
    public Cluster(Simulator simulator, GroupSettings group, TimeSpan transactionTimeout, IReadOnlyList<(string Topic, int Partitions)> sources)
    {
        _simulator = simulator;
        _transactionTimeout = transactionTimeout;
        Process = new SimulatedProcess(simulator, "kafka");
        foreach (var (topic, partitions) in sources)
        {
            Topics.Create(topic, partitions);
        }

        Group = new Group(simulator, group, [.. sources.SelectMany(s => Topics.PartitionsOf(s.Topic))]);
        Tick();
    }

    public SimulatedProcess Process { get; }

    public FakeTopics Topics { get; } = new();

    public Group Group { get; }

    public GroupOffsets Offsets { get; } = new();

    public bool HasOpenTransactions => _producers.Values.Any(p => p.Open is not null || p.Ending is not null);

    /// <summary>Registers a transactional id: fences earlier producers of it, aborts what they left open.</summary>
    /// <returns>The epoch.</returns>
    public async Task<int> InitializeAsync(string id)
    {
        if (!_producers.TryGetValue(id, out var producer))
        {
            _producers.Add(id, producer = new ProducerState());
        }

        producer.Epoch++;
        if (producer.Open is not null)
        {
            End(producer, commit: false);
        }

        while (producer.Ending is { } ending)
        {
            await ending.Task;
        }

        return ++producer.Epoch;
    }

    /// <summary>
    /// Appends records to the producer's transaction, which begins with the first. Takes them off the list: a call that is made
    /// again finds them there already, as an idempotent producer's does.
    /// </summary>
    public async Task<bool> ProduceAsync(string id, int epoch, List<(TopicPartition Partition, LogRecord Record)> records)
    {
        var transaction = await OpenAsync(id, epoch);
        foreach (var (partition, record) in records)
        {
            Topics.Append(partition, record, transaction);
        }

        records.Clear();
        return true;
    }

    public async Task<bool> SendOffsetsAsync(string id, int epoch, Place place, IReadOnlyCollection<PartitionOffset> offsets)
    {
        Group.CheckOffsets(place);
        var transaction = await OpenAsync(id, epoch);
        Group.CheckOffsets(place);
        foreach (var offset in offsets)
        {
            Offsets.AddPending(transaction, offset);
        }

        return true;
    }

    /// <summary>Decides the transaction. It takes effect a little later.</summary>
    /// <returns>The epoch to go on with.</returns>
    public Task<int> EndAsync(string id, int epoch, bool commit)
    {
        var producer = _producers[id];
        if (producer.Last == (epoch, commit) && producer.Epoch == epoch + 1)
        {
            return Task.FromResult(producer.Epoch);
        }

        Check(producer, epoch);
        if (producer.Open is not null)
        {
            End(producer, commit);
            producer.Last = (epoch, commit);
            producer.Epoch++;
            _simulator.Trace.Add("kafka", $"{id} epoch {epoch}: {(commit ? "committed" : "aborted")}");
        }

        return Task.FromResult(producer.Epoch);
    }

    /// <summary>How far the group is; fails where a transaction could still change that.</summary>
    public Task<IReadOnlyList<PartitionOffset>> CommittedAsync(IReadOnlyCollection<TopicPartition> partitions)
    {
        if (partitions.Any(Offsets.IsUnstable))
        {
            throw Failure(ErrorCode.UnstableOffsetCommit);
        }

        return Task.FromResult<IReadOnlyList<PartitionOffset>>([.. partitions.Where(Offsets.Committed.ContainsKey).Select(p => Offsets.Committed[p])]);
    }

    public static KafkaFailureException Failure(ErrorCode code, bool fatal = false) => new("The log", KafkaFailure.Of(code, code.ToString(), fatal: fatal));

    private async Task<LogTransaction> OpenAsync(string id, int epoch)
    {
        var producer = _producers[id];
        Check(producer, epoch);
        while (producer.Ending is { } ending)
        {
            await ending.Task;
        }

        Check(producer, epoch);
        if (producer.Open is null)
        {
            var transaction = new LogTransaction();
            producer.Open = transaction;
            _simulator.After(_transactionTimeout, () =>
            {
                if (producer.Open == transaction)
                {
                    _simulator.Trace.Add("kafka", $"{id} epoch {producer.Epoch}: the transaction has timed out");
                    producer.Epoch++;
                    End(producer, commit: false);
                }
            });
        }

        return producer.Open;
    }

    private static void Check(ProducerState producer, int epoch)
    {
        if (producer.Epoch != epoch)
        {
            throw Failure(ErrorCode.InvalidProducerEpoch);
        }
    }

    private void End(ProducerState producer, bool commit)
    {
        var transaction = producer.Open!;
        var ending = new TaskCompletionSource();
        producer.Open = null;
        producer.Ending = ending;
        _simulator.After(_simulator.Some(TimeSpan.FromMilliseconds(300)), () =>
        {
            transaction.IsCommitted = commit;
            Topics.Settled();
            Offsets.Settle(transaction);
            producer.Ending = null;
            ending.TrySetResult();
        });
    }

    private void Tick() => _simulator.After(TimeSpan.FromSeconds(0.5), () =>
    {
        Group.Expire();
        Tick();
    });
}
