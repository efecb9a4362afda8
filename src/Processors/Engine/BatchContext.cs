namespace Streams.Processors;

/// <summary>What the nodes of a task share while one batch goes through: its source, its clock, its failures, and where effects go.</summary>
internal sealed class BatchContext(TopicPartition partition, TaskOptions options)
{
    private readonly Dictionary<int, DeadLetter> _failures = [];
    private DateTime[] _streamTimes = [];

    public TopicPartition Partition { get; } = partition;

    public TaskOptions Options { get; } = options;

    /// <summary>The batch as it came from the log.</summary>
    public RecordBatch Source { get; private set; } = null!;

    /// <summary>Wall time, as the host gave it for this batch.</summary>
    public DateTime Now { get; private set; }

    /// <summary>The effects of the current commit cycle.</summary>
    public ChangeSet Changes { get; set; } = null!;

    /// <summary>Forwarded records that come from offsets below this one are in Kafka already and are not sent again.</summary>
    public long MuteBelow { get; set; }

    public IEnumerable<DeadLetter> Failures => _failures.Values;

    public int FailureCount => _failures.Count;

    public void Begin(RecordBatch source, DateTime now)
    {
        Source = source;
        Now = now;
        _failures.Clear();
        if (_streamTimes.Length < source.Count)
        {
            _streamTimes = new DateTime[Math.Max(source.Count, 256)];
        }
    }

    public bool HasFailed(int index) => _failures.Count > 0 && _failures.ContainsKey(index);

    /// <summary>Takes a source record out of the batch. The first failure of a record is the one reported.</summary>
    public void Fail(int index, string node, Exception error)
    {
        var offset = Source.Offset(index);
        if (Options.OnError == ErrorPolicy.Stop)
        {
            throw new RecordFailedException(Partition, offset, node, error);
        }

        _failures.TryAdd(index, new DeadLetter(
            Partition,
            offset,
            Source.TimestampMs(index),
            node,
            error.Message,
            error is CodecException or RecordRejectedException ? null : error.ToString(),
            Source.HasKey(index) ? Source.Key(index).ToArray() : null,
            Source.HasValue(index) ? Source.Value(index).ToArray() : null));
    }

    /// <summary>Stream time of the partition as of this record, itself included.</summary>
    public DateTime StreamTimeAt(int index) => _streamTimes[index];

    public void SetStreamTime(int index, DateTime streamTime) => _streamTimes[index] = streamTime;
}
