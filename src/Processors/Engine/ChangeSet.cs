namespace Streams.Processors;

/// <summary>
/// Everything a task did since the last commit: how far it read, what it wants written and sent. Handed over whole to the
/// commit cycle while the task goes on into a fresh one.
/// </summary>
internal sealed class ChangeSet : IDisposable
{
    public ChangeSet(TopicPartition partition, IReadOnlyList<OutputBuffer> outputs, IReadOnlyList<RowBuffer> rows, IReadOnlyList<AggregateChanges> aggregates)
    {
        Partition = partition;
        Outputs = outputs;
        Rows = rows;
        Aggregates = aggregates;
    }

    public TopicPartition Partition { get; }

    /// <summary>The next offset to read once this is committed.</summary>
    public long NextOffset { get; set; }

    /// <summary>The offset of the last record read. What follows it up to <see cref="NextOffset"/> are no records.</summary>
    public long LastOffset { get; set; }

    /// <summary>Stream time once this is committed; <c>null</c> before the first record.</summary>
    public DateTime? StreamTime { get; set; }

    /// <summary>How many records were read, dead letters and late ones included.</summary>
    public long Records { get; set; }

    /// <summary>Late records among them.</summary>
    public long Late { get; set; }

    /// <summary>Kafka's timestamp of the newest record read, in milliseconds since 1970: how fresh the results are.</summary>
    public long? NewestTimestampMs { get; set; }

    /// <summary>Records to send, one buffer per sink of the topology.</summary>
    public IReadOnlyList<OutputBuffer> Outputs { get; }

    /// <summary>Rows to append or upsert, one buffer per such table.</summary>
    public IReadOnlyList<RowBuffer> Rows { get; }

    /// <summary>Deltas to merge, one map per aggregate.</summary>
    public IReadOnlyList<AggregateChanges> Aggregates { get; }

    public List<DeadLetter> DeadLetters { get; } = [];

    /// <summary>How many records failed and were passed over, as <see cref="ErrorPolicy.Skip"/> asks for.</summary>
    public int Skipped { get; set; }

    /// <summary>The last of them, and why.</summary>
    public DeadLetter? LastSkipped { get; set; }

    /// <summary>Dead letters that went through the topology once more, in the order of their numbers.</summary>
    public List<Replay> Replays { get; } = [];

    /// <summary>Which of its task's cycles it is for; they are numbered from 1.</summary>
    public long Cycle { get; set; }

    /// <summary>Nothing was read or replayed since the last commit.</summary>
    public bool IsEmpty => Records == 0 && Replays.Count == 0;

    /// <summary>What it holds in memory, roughly.</summary>
    public long SizeBytes
    {
        get
        {
            long size = 0;
            for (var i = 0; i < Outputs.Count; i++)
            {
                size += Outputs[i].SizeBytes;
            }

            for (var i = 0; i < Rows.Count; i++)
            {
                size += Rows[i].SizeBytes;
            }

            for (var i = 0; i < Aggregates.Count; i++)
            {
                size += Aggregates[i].SizeBytes;
            }

            foreach (var letter in DeadLetters)
            {
                size += letter.SizeBytes;
            }

            return size + (Replays.Count * 64L);
        }
    }

    /// <summary>Makes it ready for the next cycle.</summary>
    public void Clear()
    {
        Records = Late = 0;
        NewestTimestampMs = null;
        Skipped = 0;
        LastSkipped = null;
        DeadLetters.Clear();
        Replays.Clear();
        foreach (var output in Outputs)
        {
            output.Clear();
        }

        foreach (var rows in Rows)
        {
            rows.Clear();
        }

        foreach (var aggregate in Aggregates)
        {
            aggregate.Clear();
        }
    }

    public void Dispose()
    {
        foreach (var output in Outputs)
        {
            output.Dispose();
        }

        foreach (var rows in Rows)
        {
            rows.Dispose();
        }
    }
}
