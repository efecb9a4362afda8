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
    /// <param name="rows">The rows, or the keys of rows that stand no more.</param>
    /// <param name="areGone">Which of the two.</param>
    /// <param name="json">Writes them.</param>
    /// <param name="timestampMs">When.</param>
    public void AddAll(RowBuffer rows, bool areGone, RowJson json, long timestampMs)
    {
        using var bytes = new ByteBuffer();
        for (var row = 0; row < rows.Count; row++)
        {
            var key = Written(json.WriteKey, row);
            _records.Add(new LogRecord(_records.Count, key, areGone ? null : Written(json.WriteValue, row), timestampMs, []));
        }

        byte[] Written(Action<RowBuffer, int, ByteBuffer> write, int row)
        {
            bytes.Truncate(0);
            write(rows, row, bytes);
            return bytes.Written.ToArray();
        }
    }

    /// <summary>The records from an offset on.</summary>
    public IReadOnlyList<LogRecord> ReadFrom(long offset) => _records[(int)offset..];

    /// <summary>The records since the last call.</summary>
    public IReadOnlyList<LogRecord> ReadNew()
    {
        var read = _records[_read..];
        _read = _records.Count;
        return read;
    }
}
