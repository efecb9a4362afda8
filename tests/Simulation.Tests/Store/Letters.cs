using Streams.Processors;

namespace Simulation.Tests.Store;

/// <summary>A row of the table of dead letters.</summary>
internal sealed record LetterRow(DeadLetter Letter)
{
    /// <summary>How often it has failed.</summary>
    public int Attempts { get; init; } = 1;

    /// <summary>How often somebody has asked for a replay of it.</summary>
    public int Requests { get; init; }

    /// <summary>The number of the last request.</summary>
    public long Number { get; init; }

    /// <summary>The last request is not done yet.</summary>
    public bool IsRequested { get; init; }

    /// <summary>A replay went through.</summary>
    public bool IsReplayed { get; init; }
}

/// <summary>The table of dead letters.</summary>
internal sealed class Letters
{
    private readonly SortedDictionary<(TopicPartition Partition, long Offset), LetterRow> _rows = [];

    public IReadOnlyDictionary<(TopicPartition Partition, long Offset), LetterRow> Rows => _rows;

    /// <summary>Letters of a partition that somebody may ask to be replayed, by offset.</summary>
    public IReadOnlyList<long> Waiting(TopicPartition partition) =>
        [.. _rows.Where(r => r.Key.Partition == partition && r.Value is { IsRequested: false, IsReplayed: false }).Select(r => r.Key.Offset)];

    public bool TryAdd(DeadLetter letter) => _rows.TryAdd((letter.Partition, letter.Offset), new LetterRow(letter));

    public void Request(TopicPartition partition, long offset, long number)
    {
        var row = _rows[(partition, offset)];
        _rows[(partition, offset)] = row with { Requests = row.Requests + 1, Number = number, IsRequested = true };
    }

    /// <summary>Notes how a replay went. What went through once stays so.</summary>
    public void Mark(ReplayMark mark)
    {
        var row = _rows[(mark.Partition, mark.Offset)];
        if (!row.IsReplayed)
        {
            _rows[(mark.Partition, mark.Offset)] = row with
            {
                IsRequested = false, IsReplayed = !mark.HasFailed, Attempts = row.Attempts + (mark.HasFailed ? 1 : 0),
            };
        }
    }

    public bool IsOpen(ReplayMark mark) => _rows[(mark.Partition, mark.Offset)] is { IsRequested: true } row && row.Number == mark.Number;

    /// <summary>Open requests with higher numbers, in their order.</summary>
    public IReadOnlyList<ReplayRecord> Find(IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, int most) =>
    [
        .. partitions.SelectMany(asked => _rows.Where(r => r.Key.Partition == asked.Partition && r.Value.IsRequested && r.Value.Number > asked.After))
            .OrderBy(r => r.Value.Number).ThenBy(r => r.Key).Take(most).Select(r => Record(r.Value)),
    ];

    private static ReplayRecord Record(LetterRow row) => new(row.Letter.Partition, row.Letter.Offset, row.Number)
    {
        KafkaTimeMs = row.Letter.TimestampMs,
        RawKey = row.Letter.Key,
        RawValue = row.Letter.Value,
        Headers = row.Letter.Headers,
        StreamTime = row.Letter.StreamTime,
    };
}
