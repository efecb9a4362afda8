namespace Streams.Processors;

/// <summary>
/// Records on their way to one Kafka topic, in order, packed: fixed-size entries beside one byte buffer that holds keys,
/// values and headers. One buffer per sink and commit cycle; pooled by its owner.
/// </summary>
internal sealed class OutputBuffer(string topic) : IDisposable
{
    private readonly ByteBuffer _bytes = new();
    private Entry[] _entries = [];
    private int _acceptedCount;
    private int _acceptedBytes;

    private struct Entry
    {
        public int Start;
        public int KeyLength;
        public int ValueLength;
        public int HeadersLength;
        public bool HasKey;
        public bool HasValue;
        public long TimestampMs;
    }

    public string Topic { get; } = topic;

    /// <summary>How many records, pending ones included.</summary>
    public int Count { get; private set; }

    public long SizeBytes => _bytes.Length + (Count * 48L);

    public ReadOnlySpan<byte> Key(int index) => _bytes.Slice(_entries[index].Start, _entries[index].KeyLength);

    public ReadOnlySpan<byte> Value(int index) =>
        _bytes.Slice(_entries[index].Start + _entries[index].KeyLength, _entries[index].ValueLength);

    /// <summary>The headers, packed as <see cref="HeaderList"/> does.</summary>
    public ReadOnlySpan<byte> Headers(int index)
    {
        ref readonly var entry = ref _entries[index];
        return _bytes.Slice(entry.Start + entry.KeyLength + entry.ValueLength, entry.HeadersLength);
    }

    public bool HasKey(int index) => _entries[index].HasKey;

    public bool HasValue(int index) => _entries[index].HasValue;

    public long TimestampMs(int index) => _entries[index].TimestampMs;

    /// <summary>
    /// Appends one record. Key and value come as callbacks' work would: write the key to <see cref="Bytes"/>, then the
    /// value, then the headers, and close the record with the lengths.
    /// </summary>
    public void Add(ReadOnlySpan<byte> key, bool hasKey, ReadOnlySpan<byte> value, bool hasValue, long timestampMs, ReadOnlySpan<byte> packedHeaders)
    {
        var start = Bytes.Length;
        Bytes.Append(key);
        Bytes.Append(value);
        Close(start, key.Length, hasKey, hasValue, timestampMs, packedHeaders);
    }

    /// <summary>Where codecs write; see <see cref="Close"/>.</summary>
    public ByteBuffer Bytes => _bytes;

    /// <summary>Closes a record whose key and value were written to <see cref="Bytes"/> from <paramref name="start"/> on.</summary>
    public void Close(int start, int keyLength, bool hasKey, bool hasValue, long timestampMs, ReadOnlySpan<byte> packedHeaders)
    {
        if (Count == _entries.Length)
        {
            Array.Resize(ref _entries, Math.Max(64, Count * 2));
        }

        var valueLength = _bytes.Length - start - keyLength;
        _bytes.Append(packedHeaders);
        _entries[Count++] = new Entry
        {
            Start = start,
            KeyLength = keyLength,
            ValueLength = valueLength,
            HeadersLength = packedHeaders.Length,
            HasKey = hasKey,
            HasValue = hasValue,
            TimestampMs = timestampMs,
        };
    }

    /// <summary>Keeps what was added since the last call: its batch went through.</summary>
    public void Accept() => (_acceptedCount, _acceptedBytes) = (Count, _bytes.Length);

    /// <summary>Drops what was added since the last <see cref="Accept"/>: its batch is run again.</summary>
    public void Discard()
    {
        Count = _acceptedCount;
        _bytes.Truncate(_acceptedBytes);
    }

    public void Clear()
    {
        Count = 0;
        _bytes.Truncate(0);
        Accept();
    }

    public void Dispose() => _bytes.Dispose();
}
