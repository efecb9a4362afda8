namespace Streams.Processors;

/// <summary>What the nodes of a task share while one batch goes through: its source, its clock, its failures, and where effects go.</summary>
internal sealed class BatchContext(TopicPartition partition, TaskOptions options)
{
    private readonly SortedDictionary<int, Failure> _failures = [];
    private readonly HashSet<int> _late = [];
    private DateTime[] _streamTimes = [];

    /// <summary>A source record that failed: the first thing that went wrong with it.</summary>
    public sealed record Failure(int Index, DeadLetter Letter, Exception Error);

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

    /// <summary>The number of the cycle that <see cref="Changes"/> is for; the first is 1.</summary>
    public long Cycle { get; set; } = 1;

    /// <summary>The last cycle that is committed; 0 before the first. What it and those before it changed can be read from the tables.</summary>
    public long CommittedCycle { get; set; }

    /// <summary>States that the batch needs and the task does not have. While there are any, the batch is put off.</summary>
    public List<StateLoad> Missing { get; } = [];

    /// <summary>The records that failed, in offset order.</summary>
    public IEnumerable<Failure> Failures => _failures.Values;

    /// <summary>How many source records are late for at least one window.</summary>
    public int LateCount => _late.Count;

    public int FailureCount => _failures.Count;

    /// <summary>The index of the first record that failed in the present run; <c>null</c> if none did.</summary>
    public int? FirstFailure { get; private set; }

    public void Begin(RecordBatch source, DateTime now)
    {
        Source = source;
        Now = now;
        _failures.Clear();
        Missing.Clear();
        if (_streamTimes.Length < source.Count)
        {
            _streamTimes = new DateTime[Math.Max(source.Count, 256)];
        }
    }

    /// <summary>The steps run, for the first time or once more.</summary>
    public void BeginRun()
    {
        _late.Clear();
        FirstFailure = null;
    }

    /// <summary>Whether a source record takes no part in the batch. With <see cref="ErrorPolicy.Stop"/> the batch ends before the first failure.</summary>
    public bool IsOut(int index) =>
        _failures.Count > 0 && (Options.OnError == ErrorPolicy.Stop ? index >= _failures.First().Key : _failures.ContainsKey(index));

    /// <summary>Takes a source record out of the batch. The first failure of a record is the one reported.</summary>
    public void Fail(int index, string node, Exception error)
    {
        FirstFailure = Math.Min(index, FirstFailure ?? index);
        if (_failures.ContainsKey(index))
        {
            return;
        }

        var letter = new DeadLetter(
            Partition,
            Source.Offset(index),
            Source.TimestampMs(index),
            node,
            ErrorSummary.Reason(error),
            ErrorSummary.Of(error),
            Source.HasKey(index) ? Source.Key(index).ToArray() : null,
            Source.HasValue(index) ? Source.Value(index).ToArray() : null)
        {
            Headers = Headers(index),
        };
        _failures.Add(index, new Failure(index, letter, error));
    }

    /// <summary>
    /// The letters of the failed records, in offset order, each with the stream time that it found: as the last record before
    /// it that went through had left it.
    /// </summary>
    /// <param name="first">The index of the first record that was looked at.</param>
    /// <param name="before">Stream time before that one.</param>
    public IEnumerable<DeadLetter> Letters(int first, DateTime? before)
    {
        var time = before;
        var next = first;
        foreach (var failure in _failures.Values)
        {
            if (failure.Index > next)
            {
                time = StreamTimeAt(failure.Index - 1);
            }

            next = Math.Max(first, failure.Index + 1);
            yield return failure.Letter with { StreamTime = time };
        }
    }

    /// <summary>Running out of memory is the process's fault, not the record's: with memory it will go through.</summary>
    public static bool IsFaultOfRecord(Exception error) => error is not OutOfMemoryException;

    /// <summary>A window no longer takes this record.</summary>
    public void MarkLate(int index) => _late.Add(index);

    /// <summary>Stream time of the partition as of this record, itself included.</summary>
    public DateTime StreamTimeAt(int index) => _streamTimes[index];

    public void SetStreamTime(int index, DateTime streamTime) => _streamTimes[index] = streamTime;

    private IReadOnlyList<KeyValuePair<string, byte[]?>> Headers(int index)
    {
        using var headers = new HeaderList();
        Source.CopyHeaders(index, headers);
        return HeaderList.Unpack(headers.Packed);
    }
}
