namespace Streams.Processors.Testing;

/// <summary>What was sent to one topic, and how far a test has read it.</summary>
internal sealed class MemoryTopic
{
    private readonly List<LogRecord> _records = [];
    private int _read;

    /// <summary>Takes in what a sink sent.</summary>
    public void AddAll(OutputBuffer output)
    {
        for (var i = 0; i < output.Count; i++)
        {
            _records.Add(new LogRecord(
                _records.Count,
                output.HasKey(i) ? output.Key(i).ToArray() : null,
                output.HasValue(i) ? output.Value(i).ToArray() : null,
                output.TimestampMs(i),
                HeaderList.Unpack(output.Headers(i))));
        }
    }

    /// <summary>Takes in changed rows as a changelog.</summary>
    public void AddAll(RowBuffer totals, RowJson json, long timestampMs)
    {
        using var bytes = new ByteBuffer();
        for (var row = 0; row < totals.Count; row++)
        {
            bytes.Truncate(0);
            json.WriteKey(totals, row, bytes);
            var key = bytes.Written.ToArray();
            bytes.Truncate(0);
            json.WriteValue(totals, row, bytes);
            _records.Add(new LogRecord(_records.Count, key, bytes.Written.ToArray(), timestampMs, []));
        }
    }

    /// <summary>The records since the last call.</summary>
    public IReadOnlyList<LogRecord> ReadNew()
    {
        var read = _records[_read..];
        _read = _records.Count;
        return read;
    }
}
