using System.Runtime.InteropServices;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Kafka.Native;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>
/// A member of a consumer group that reads batches straight from librdkafka's queue. Confluent.Kafka builds it, runs the
/// rebalance protocol and authentication; the records pass it by.
/// </summary>
/// <remarks>
/// One thread calls everything, but for <see cref="Wake"/>, <see cref="CommitOffsets"/>, <see cref="WatermarkOffsets"/>
/// and <see cref="GroupMetadata"/>, which any thread may call until <see cref="Close"/>.
/// </remarks>
internal sealed unsafe class KafkaConsumer : IDisposable
{
    /// <summary>How many records one poll returns at most, unless the constructor is told otherwise.</summary>
    public const int DefaultMaxPollRecords = 5000;

    /// <summary>How long the partitions of one answer take to arrive after the first, and more.</summary>
    private static readonly TimeSpan _restOfAnswer = TimeSpan.FromMilliseconds(1);

    private readonly IConsumer<Ignore, Ignore> _consumer;
    private readonly SafeHandle _client;
    private readonly Ownership _ownership;
    private readonly string _group;
    private readonly ILogger _logger;
    private readonly BatchSplitter _splitter;
    private readonly HashSet<TopicPartition> _paused = [];
    private readonly Lock _queueGate = new();
    private readonly int _maxPollRecords;
    private NativeMessage** _messages;
    private nint _queue;
    private int _splitVersion;

    /// <param name="settings">Where Kafka is, and its properties.</param>
    /// <param name="group">Which group to join, and as whom.</param>
    /// <param name="listener">Hears which partitions come and go.</param>
    /// <param name="onFailure">Hears of failures of a partition or of the client; called on the polling thread.</param>
    /// <param name="logger">Takes the library's log lines.</param>
    /// <param name="maxPollRecords">How many records one poll returns at most.</param>
    public KafkaConsumer(
        KafkaSettings settings,
        GroupMember group,
        IRebalanceListener listener,
        Action<KafkaFailure> onFailure,
        ILogger logger,
        int maxPollRecords = DefaultMaxPollRecords)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(maxPollRecords, 2);
        LibRdKafka.EnsureLoaded();
        (_group, _logger) = (group.GroupId, logger);
        var ownership = new Ownership(listener);
        _ownership = ownership;
        _consumer = new ConsumerBuilder<Ignore, Ignore>(settings.Consumer(group))
            .SetPartitionsAssignedHandler((_, partitions) => ownership.Assigned(partitions))
            .SetPartitionsRevokedHandler((_, partitions) => Taken(partitions, ownership.Revoked))
            .SetPartitionsLostHandler((_, partitions) => Taken(partitions, ownership.Lost))
            .SetOffsetsCommittedHandler((_, committed) => Committed(committed))
            .SetErrorHandler((_, error) => onFailure(KafkaFailure.Of(error.Code, error.Reason, fatal: error.IsFatal)))
            .SetLogHandler((_, line) => logger.Library(line))
            .Build();
        try
        {
            _client = ClientHandle.Of(_consumer);
        }
        catch
        {
            _consumer.Dispose();
            throw;
        }

        _queue = NativeMethods.rd_kafka_queue_get_consumer(_client);
        _maxPollRecords = maxPollRecords;
        _messages = (NativeMessage**)NativeMemory.Alloc((nuint)maxPollRecords, (nuint)sizeof(NativeMessage*));
        _splitter = new BatchSplitter(_client, ownership.Owns, failure =>
        {
            if (failure is { Kind: KafkaFailureKind.OffsetOutOfRange, Partition: { } partition })
            {
                ownership.Stopped(partition);
            }

            onFailure(failure);
        });
    }

    /// <summary>The partitions that this consumer owns.</summary>
    public IReadOnlyCollection<TopicPartition> Assignment => _ownership.Partitions;

    /// <summary>Joins the group for these topics.</summary>
    public void Subscribe(IEnumerable<string> topics) => _consumer.Subscribe(topics);

    /// <summary>
    /// Waits until there are records or something else to tell, up to <paramref name="timeout"/>, and takes what is there.
    /// Must be called at least once per <c>max.poll.interval.ms</c>.
    /// </summary>
    /// <param name="timeout">How long to wait for the first record.</param>
    /// <param name="into">Gets the batches, at most one per partition; the caller disposes them.</param>
    /// <returns>How many records.</returns>
    /// <exception cref="Exception">What the rebalance listener threw: the consumer is of no more use then, close it.</exception>
    public int Poll(TimeSpan timeout, List<NativeRecordBatch> into)
    {
        ObjectDisposedException.ThrowIf(_queue == 0, this);
        _ownership.ThrowIfFailed();
        Reread();

        _ownership.ReadBegins();
        var count = Read(_messages, _maxPollRecords, TimeSpan.Zero);
        if (count == 0)
        {
            // A read with room for more than what is there waits for the rest until its time is up. So this one waits for one record;
            // the other partitions of the broker's answer follow it, and would each wake this thread.
            count = Read(_messages, 1, timeout);
            if (count > 0)
            {
                Thread.Sleep(_restOfAnswer);
                _ownership.ReadBegins();
                count += Read(_messages + count, _maxPollRecords - count, TimeSpan.Zero);
            }
        }

        if (_ownership.Version != _splitVersion)
        {
            _splitter.Forget();
            _splitVersion = _ownership.Version;
        }

        if (_ownership.Failed)
        {
            BatchSplitter.Destroy(_messages, count);
            _ownership.ThrowIfFailed();
        }

        return _splitter.Split(_messages, count, into);
    }

    /// <summary>Ends a <see cref="Poll"/> that is waiting, or the next one.</summary>
    public void Wake()
    {
        lock (_queueGate)
        {
            if (_queue != 0)
            {
                NativeMethods.rd_kafka_queue_yield(_queue);
            }
        }
    }

    /// <summary>
    /// Stops reading these partitions. What was fetched ahead of them is thrown away, and fetched again after
    /// <see cref="Resume"/>: pause seldom.
    /// </summary>
    public void Pause(IReadOnlyCollection<TopicPartition> partitions)
    {
        using var list = NativePartitionList.Of(partitions);
        Check("Pausing partitions", NativeMethods.rd_kafka_pause_partitions(_client, list.Pointer), list);
        _paused.UnionWith(partitions);
    }

    /// <summary>Reads these partitions on, from the record after the last one that was polled.</summary>
    public void Resume(IReadOnlyCollection<TopicPartition> partitions)
    {
        using var list = NativePartitionList.Of(partitions);
        Check("Resuming partitions", NativeMethods.rd_kafka_resume_partitions(_client, list.Pointer), list);
        _paused.ExceptWith(partitions);
    }

    /// <summary>Reads an assigned partition from another offset on; records fetched before are not returned any more.</summary>
    public void Seek(PartitionOffset to)
    {
        try
        {
            _consumer.Seek(new TopicPartitionOffset(to.Partition.Topic, to.Partition.Partition, new Offset(to.Offset)));
        }
        catch (KafkaException e)
        {
            throw Translate($"Seeking to {to}", e, to.Partition);
        }
    }

    /// <summary>
    /// As <see cref="Seek"/>, but for a partition whose fetcher may still be starting, or has stopped for an offset out of range:
    /// until it is so, its records are dropped. A partition that is not owned (any more) is left alone.
    /// </summary>
    public void Rewind(PartitionOffset to)
    {
        if (_ownership.Restarted(to.Partition))
        {
            // A fetcher that has stopped takes no seek.
            TopicPartitionOffset from = new(to.Partition.Topic, to.Partition.Partition, new Offset(to.Offset));
            try
            {
                _consumer.IncrementalUnassign([from.TopicPartition]);
                _consumer.IncrementalAssign([from]);
            }
            catch (KafkaException e)
            {
                throw Translate($"Reading again from {to}", e, to.Partition);
            }

            return;
        }

        _ownership.Rewind(to);
        Reread();
    }

    /// <summary>
    /// The offsets that the group has committed, <c>null</c> where none. Waits while a transaction that has sent offsets is
    /// still open.
    /// </summary>
    public IReadOnlyList<(TopicPartition Partition, PartitionOffset? Offset)> Committed(
        IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout)
    {
        const string Doing = "Reading committed offsets";
        using var list = NativePartitionList.Of(partitions);
        Check(Doing, NativeMethods.rd_kafka_committed(_client, list.Pointer, Milliseconds(timeout)), list);
        return list.Read(Doing);
    }

    /// <summary>
    /// Commits offsets to the group and does not wait: for tools that watch the group. Failures are only logged; the next commit
    /// brings later offsets.
    /// </summary>
    public void CommitOffsets(IReadOnlyCollection<PartitionOffset> offsets)
    {
        if (offsets.Count == 0)
        {
            return;
        }

        using var list = NativePartitionList.Of(_client, offsets);
        LogFailure(new Error(NativeMethods.rd_kafka_commit(_client, list.Pointer, async: 1)));
    }

    /// <summary>The present membership, for a transaction's offsets. The caller disposes it.</summary>
    public GroupMetadata GroupMetadata() => new(NativeMethods.rd_kafka_consumer_group_metadata(_client));

    /// <summary>
    /// The first offset of a partition and the one after its last, as the latest fetch told them: no round trip.
    /// <c>null</c> before the first fetch.
    /// </summary>
    public (long Low, long High)? WatermarkOffsets(TopicPartition partition)
    {
        long low;
        long high;
        var error = NativeMethods.rd_kafka_get_watermark_offsets(_client, partition.Topic, partition.Partition, &low, &high);
        return error == ErrorCode.NoError && high >= 0 ? (Math.Max(low, 0), high) : null;
    }

    /// <summary>
    /// Leaves the group: the listener is told of the revoked partitions first. Batches that were polled stay valid. Frees
    /// everything, whatever it throws.
    /// </summary>
    /// <exception cref="Exception">What the listener threw, now or before.</exception>
    public void Close()
    {
        if (_queue == 0)
        {
            return;
        }

        try
        {
            _consumer.Close();
        }
        catch (KafkaException e)
        {
            throw Translate("Leaving the consumer group", e);
        }
        finally
        {
            Dispose();
        }

        _ownership.ThrowIfFailed();
    }

    /// <summary>Frees everything without leaving the group, as a crash would; after <see cref="Close"/>, does nothing.</summary>
    public void Dispose()
    {
        lock (_queueGate)
        {
            if (_queue == 0)
            {
                return;
            }

            NativeMethods.rd_kafka_queue_destroy(_queue);
            _queue = 0;
        }

        _consumer.Dispose();
        NativeMemory.Free(_messages);
        _messages = null;
    }

    internal static int Milliseconds(TimeSpan time) =>
        time == Timeout.InfiniteTimeSpan ? -1 : (int)Math.Clamp(Math.Ceiling(time.TotalMilliseconds), 0, int.MaxValue);

    private static KafkaFailureException Translate(string doing, KafkaException e, TopicPartition? partition = null) =>
        new(doing, KafkaFailure.Of(e.Error.Code, e.Error.Reason, partition, fatal: e.Error.IsFatal), e);

    private static void Check(string doing, ErrorCode error, NativePartitionList list)
    {
        if (error != ErrorCode.NoError)
        {
            list.Read(doing);
            throw new KafkaFailureException(doing, KafkaFailure.Of(error));
        }
    }

    /// <summary>The library keeps a pause beyond the assignment: a partition that comes back would never be read.</summary>
    private void Taken(List<TopicPartitionOffset> partitions, Action<List<TopicPartitionOffset>> handler)
    {
        handler(partitions);
        TopicPartition[] paused = [.. partitions.Select(p => new TopicPartition(p.Topic, p.Partition.Value)).Where(_paused.Remove)];
        if (paused.Length > 0)
        {
            using var list = NativePartitionList.Of(paused);
            NativeMethods.rd_kafka_resume_partitions(_client, list.Pointer);
        }
    }

    private int Read(NativeMessage** into, int capacity, TimeSpan timeout) =>
        Math.Max(0, (int)NativeMethods.rd_kafka_consume_batch_queue(_queue, Milliseconds(timeout), into, (nuint)capacity));

    private void Reread()
    {
        foreach (var (partition, offset) in _ownership.Rereads)
        {
            try
            {
                Seek(new PartitionOffset(partition, offset));
                _ownership.Reread(partition);
            }
            catch (KafkaFailureException)
            {
                // Its fetcher is still being started; until a seek succeeds, its records are dropped.
            }
        }
    }

    private void Committed(CommittedOffsets committed) =>
        LogFailure(committed.Error.IsError ? committed.Error : committed.Offsets.FirstOrDefault(o => o.Error.IsError)?.Error);

    private void LogFailure(Error? error)
    {
        if (error is { IsError: true } && error.Code != ErrorCode.Local_NoOffset)
        {
            _logger.GroupCommitFailed(_group, error.Reason);
        }
    }
}
