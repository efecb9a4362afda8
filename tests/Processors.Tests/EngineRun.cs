using System.Globalization;
using System.Text;
using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>One task of the production engine over lists of records, with what it sent, wrote and refused as comparable text.</summary>
internal sealed class EngineRun : IDisposable
{
    public static readonly DateTime Now = new(2026, 1, 1, 12, 0, 0, DateTimeKind.Utc);

    private readonly List<string> _sent = [];
    private readonly StreamTask _task;

    public EngineRun(
        Topology topology,
        TaskOptions? options = null,
        string topic = "in",
        int partition = 0,
        long nextOffset = 0,
        DateTime? streamTime = null,
        long muteBelow = 0,
        MemoryTables? tables = null)
    {
        Tables = tables ?? new MemoryTables(topology);
        _task = new StreamTask(new TaskLayout(topology), new TopicPartition(topic, partition), options ?? new TaskOptions(), nextOffset, streamTime, muteBelow);
    }

    public MemoryTables Tables { get; }

    public StreamTask Task => _task;

    public long Late { get; private set; }

    public long Records { get; private set; }

    public long Skipped { get; private set; }

    /// <summary>The last record that was skipped, as <see cref="DeadLetters"/> would show it.</summary>
    public string? LastSkipped { get; private set; }

    /// <summary>What was sent, in order per topic: <c>topic key=value</c>, with <c>null</c> for a Kafka null.</summary>
    public IReadOnlyList<string> Sent => _sent;

    public IReadOnlyList<string> DeadLetters => [.. Tables.DeadLetters.Select(Letter)];

    public static LogRecord Record(long offset, string? key, string? value, DateTime? time = null, params KeyValuePair<string, byte[]?>[] headers) =>
        new(offset, Bytes(key), Bytes(value), Milliseconds(time ?? Now), headers);

    public static long Milliseconds(DateTime time) => (time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond;

    /// <summary>Runs the records as one batch.</summary>
    public void Process(params IReadOnlyList<LogRecord> records)
    {
        using var batch = new MemoryRecordBatch(_task.Partition, records);
        while (!_task.Process(batch, Now))
        {
            Load();
        }
    }

    /// <summary>Runs a dead letter once more.</summary>
    public void Replay(ReplayRecord record)
    {
        while (!_task.Replay(record, isMuted: false, Now))
        {
            Load();
        }
    }

    /// <summary>How often a batch was put off for states that were not in memory, and for how many keys in all.</summary>
    public (int Batches, int Keys) Loads { get; private set; }

    public void Commit()
    {
        var changes = _task.TakeChanges();
        foreach (var output in changes.Outputs)
        {
            for (var i = 0; i < output.Count; i++)
            {
                _sent.Add($"{output.Topic} {Text(output.HasKey(i), output.Key(i))}={Text(output.HasValue(i), output.Value(i))}");
            }
        }

        Late += changes.Late;
        Records += changes.Records;
        Skipped += changes.Skipped;
        LastSkipped = changes.LastSkipped is { } skipped ? Letter(skipped) : null;
        Tables.Apply(changes);
        _task.Recycle(changes);
    }

    public IReadOnlyList<string> Rows(string table) => [.. Tables.Rows(table).Select(row => string.Join(" ", row.Select(Text)))];

    /// <summary>Everything that must not depend on where batches are cut.</summary>
    public IReadOnlyList<string> Everything() =>
    [
        .. _sent.Order(TopicOnly),
        .. Tables.Schemas.SelectMany(schema => Rows(schema.Name).Select(row => $"{schema.Name}: {row}")),
        .. DeadLetters,
        Invariant($"late {Late}, records {Records}, next {_task.NextOffset}, time {_task.StreamTime:O}"),
    ];

    public void Dispose() => _task.Dispose();

    private void Load()
    {
        Loads = (Loads.Batches + 1, Loads.Keys + _task.Missing.Sum(m => m.Keys.Count));
        Tables.Load(_task.Partition, _task.Missing);
    }

    private static Comparer<string> TopicOnly { get; } =
        Comparer<string>.Create((left, right) => string.CompareOrdinal(left[..left.IndexOf(' ', StringComparison.Ordinal)], right[..right.IndexOf(' ', StringComparison.Ordinal)]));

    private static string Letter(DeadLetter letter) => Invariant($"{letter.Partition}@{letter.Offset} {letter.Node}: {letter.Reason}");

    private static byte[]? Bytes(string? text) => text is null ? null : Encoding.UTF8.GetBytes(text);

    private static string Text(bool present, ReadOnlySpan<byte> bytes) => present ? Encoding.UTF8.GetString(bytes) : "null";

    private static string Text(object? value) => value switch
    {
        null => "null",
        DateTime time => time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF", CultureInfo.InvariantCulture),
        byte[] bytes => Convert.ToHexString(bytes),
        _ => Convert.ToString(value, CultureInfo.InvariantCulture)!,
    };

    private static string Invariant(FormattableString text) => FormattableString.Invariant(text);
}
