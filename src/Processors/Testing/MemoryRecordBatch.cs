using System.Text;

namespace Streams.Processors.Testing;

/// <summary>
/// A batch of an in-memory log. As with the client library's own memory, nothing of it may be read once it is disposed:
/// here that throws.
/// </summary>
internal sealed class MemoryRecordBatch : RecordBatch
{
    private readonly IReadOnlyList<LogRecord> _records;
    private readonly long? _nextOffset;
    private bool _disposed;

    /// <param name="partition">Where the records come from.</param>
    /// <param name="records">The records, in offset order.</param>
    /// <param name="nextOffset">The offset after the batch where the log skips some (control records); the last record's + 1 when absent.</param>
    public MemoryRecordBatch(TopicPartition partition, IReadOnlyList<LogRecord> records, long? nextOffset = null)
    {
        Partition = partition;
        _records = records;
        _nextOffset = nextOffset;
    }

    public override TopicPartition Partition { get; }

    public override int Count => _records.Count;

    public override long SizeBytes => _records.Sum(r => (r.Key?.Length ?? 0L) + (r.Value?.Length ?? 0L));

    public override long NextOffset => _nextOffset ?? base.NextOffset;

    public override long Offset(int index) => At(index).Offset;

    public override long? TimestampMs(int index) => At(index).TimestampMs;

    public override bool HasKey(int index) => At(index).Key is not null;

    public override bool HasValue(int index) => At(index).Value is not null;

    public override ReadOnlySpan<byte> Key(int index) => At(index).Key;

    public override ReadOnlySpan<byte> Value(int index) => At(index).Value;

    public override void CopyHeaders(int index, HeaderList headers)
    {
        var all = At(index).Headers;
        for (var i = 0; i < all.Count; i++)
        {
            headers.Add(Encoding.UTF8.GetBytes(all[i].Key), all[i].Value, all[i].Value is not null);
        }
    }

    public override void Dispose() => _disposed = true;

    private LogRecord At(int index)
    {
        ObjectDisposedException.ThrowIf(_disposed, this);
        return _records[index];
    }
}
