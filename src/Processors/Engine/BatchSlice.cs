namespace Streams.Processors;

/// <summary>Some consecutive records of a batch, seen as a batch of their own. Nothing is copied.</summary>
/// <param name="whole">The batch.</param>
/// <param name="from">The index of the first record of the slice.</param>
/// <param name="count">How many records the slice has.</param>
/// <param name="owns">Whether disposing the slice disposes the batch: one slice of a batch, the last one used, does.</param>
internal sealed class BatchSlice(RecordBatch whole, int from, int count, bool owns) : RecordBatch
{
    public override TopicPartition Partition => whole.Partition;

    public override int Count => count;

    /// <summary>Of the whole batch: as long as the slice is held, so is all of it.</summary>
    public override long SizeBytes => whole.SizeBytes;

    /// <summary>What was passed over behind the batch's last record belongs to the slice that has that record.</summary>
    public override long NextOffset => from + count == whole.Count ? whole.NextOffset : whole.Offset(from + count);

    public override long Offset(int index) => whole.Offset(At(index));

    public override long? TimestampMs(int index) => whole.TimestampMs(At(index));

    public override bool HasKey(int index) => whole.HasKey(At(index));

    public override bool HasValue(int index) => whole.HasValue(At(index));

    public override ReadOnlySpan<byte> Key(int index) => whole.Key(At(index));

    public override ReadOnlySpan<byte> Value(int index) => whole.Value(At(index));

    public override void CopyHeaders(int index, HeaderList headers) => whole.CopyHeaders(At(index), headers);

    public override void Dispose()
    {
        if (owns)
        {
            whole.Dispose();
        }
    }

    private int At(int index)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(index);
        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual(index, count);
        return from + index;
    }
}
