namespace Streams.Processors.Testing;

/// <summary>
/// Runs a topology in memory: pipe records in, read what comes out of topics and tables. The engine is the one that runs
/// in production; the log and the tables are lists. Time stands still until it is moved.
/// </summary>
/// <remarks>
/// Each source partition is a task of its own, with its own stream time, made when the first record is piped into it. The topic of a
/// repartition has one partition; a commit works off what is sent there.
/// Rows merge as PostgreSQL merges them. Not thread-safe.
/// </remarks>
/// <example><code>
/// using var driver = new TopologyDriver(topology);
/// driver.Pipe("clickstream", Codecs.Utf8, Codecs.Utf8, "192.0.2.1", """{"path": "/cart", "status": 503}""");
/// var errors = driver.ReadOutput("errors", Codecs.Utf8, Codecs.Utf8);
/// var counts = driver.Table("error_counts");
/// </code></example>
public sealed class TopologyDriver : IDisposable
{
    private readonly Topology _topology;
    private readonly TaskLayout _layout;
    private readonly TaskOptions _options;
    private readonly bool _autoCommit;
    private readonly MemoryTables _tables;
    private readonly RowJson _json = new();
    private readonly SortedDictionary<TopicPartition, StreamTask> _tasks = [];
    private readonly Dictionary<TopicPartition, long> _endOffsets = [];
    private readonly Dictionary<string, MemoryTopic> _topics = new(StringComparer.Ordinal);

    /// <summary>Creates the driver with empty topics and tables.</summary>
    /// <param name="topology">What to run.</param>
    /// <param name="options">How to run it; defaults when absent.</param>
    public TopologyDriver(Topology topology, TopologyDriverOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(topology);
        options ??= new TopologyDriverOptions();
        _topology = topology;
        _layout = new TaskLayout(topology);
        _options = new TaskOptions { OnError = options.OnError, MaxFuture = options.MaxFuture, MaxRecordBytes = options.MaxRecordBytes };
        _autoCommit = options.AutoCommit;
        _tables = new MemoryTables(topology);
        Now = options.StartTime;
        foreach (var topic in topology.SinkTopics)
        {
            _topics.Add(topic, new MemoryTopic());
        }
    }

    /// <summary>Wall time, UTC.</summary>
    public DateTime Now { get; private set; }

    /// <summary>The committed dead letters, by topic, partition and offset.</summary>
    public IReadOnlyList<DeadLetter> DeadLetters => [.. _tables.DeadLetters];

    /// <summary>How many records came too late for their window, as far as committed.</summary>
    public long LateRecords { get; private set; }

    /// <summary>Moves wall time.</summary>
    public void AdvanceWallClock(TimeSpan by)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(by, TimeSpan.Zero);
        Now += by;
    }

    /// <summary>Pipes one record in, encoded by codecs.</summary>
    /// <param name="topic">A source topic.</param>
    /// <param name="keyCodec">Encodes the key.</param>
    /// <param name="valueCodec">Encodes the value.</param>
    /// <param name="key">The key; <c>null</c> for a Kafka null.</param>
    /// <param name="value">The value; <c>null</c> for a Kafka null.</param>
    /// <param name="timestamp">The Kafka timestamp; wall time when absent.</param>
    /// <param name="partition">The partition; 0 when absent.</param>
    /// <returns>The record's offset.</returns>
    public long Pipe<TKey, TValue>(
        string topic, ICodec<TKey> keyCodec, ICodec<TValue> valueCodec, TKey? key, TValue? value, DateTime? timestamp = null, int partition = 0)
    {
        ArgumentNullException.ThrowIfNull(keyCodec);
        ArgumentNullException.ThrowIfNull(valueCodec);
        return Pipe(topic, Encode(keyCodec, key), Encode(valueCodec, value), timestamp, partition);
    }

    /// <summary>Pipes one record in as bytes.</summary>
    /// <param name="topic">A source topic.</param>
    /// <param name="key">The key; <c>null</c> for a Kafka null.</param>
    /// <param name="value">The value; <c>null</c> for a Kafka null.</param>
    /// <param name="timestamp">The Kafka timestamp; wall time when absent.</param>
    /// <param name="partition">The partition.</param>
    /// <param name="headers">The headers; none when absent.</param>
    /// <returns>The record's offset.</returns>
    /// <exception cref="ArgumentException">The topology does not read this topic, or writes it itself.</exception>
    public long Pipe(
        string topic, byte[]? key, byte[]? value, DateTime? timestamp = null, int partition = 0, IReadOnlyList<KeyValuePair<string, byte[]?>>? headers = null)
    {
        if (_topology.RepartitionTopics.Contains(topic))
        {
            throw new ArgumentException($"Topic '{topic}' is the topology's own, which nobody else writes; pipe into one that it only reads.", nameof(topic));
        }

        var source = new TopicPartition(topic, partition);
        var offset = _endOffsets.GetValueOrDefault(source);
        var milliseconds = ((timestamp ?? Now) - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond;
        using var batch = new MemoryRecordBatch(source, [new LogRecord(offset, key, value, milliseconds, headers ?? [])]);
        Process(source, batch);
        if (_autoCommit)
        {
            Commit();
        }

        return offset;
    }

    /// <summary>Commits what was piped in since the last commit, all partitions together: rows, output, dead letters.</summary>
    public void Commit()
    {
        do
        {
            CommitPending();
        }
        while (PipeRepartitioned());
    }

    private bool PipeRepartitioned()
    {
        var any = false;
        foreach (var topic in _topology.RepartitionTopics)
        {
            var source = new TopicPartition(topic, 0);
            var records = _topics[topic].ReadFrom(_endOffsets.GetValueOrDefault(source));
            if (records.Count > 0)
            {
                using var batch = new MemoryRecordBatch(source, records);
                Process(source, batch);
                any = true;
            }
        }

        return any;
    }

    private void CommitPending()
    {
        var pending = _tasks.Values.Where(t => t.PendingRecords > 0).Select(t => (Task: t, Changes: t.TakeChanges())).ToList();
        using var transaction = _tables.Begin([.. pending.Select(p => p.Changes)]);
        var timestamp = (Now - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond;
        foreach (var (totals, gone) in transaction.Totals.Zip(transaction.Gone))
        {
            _topics[totals.Table.ChangelogTopic!].AddAll(totals, areGone: false, _json, timestamp);
            _topics[totals.Table.ChangelogTopic!].AddAll(gone, areGone: true, _json, timestamp);
        }

        foreach (var (task, changes) in pending)
        {
            foreach (var output in changes.Outputs)
            {
                _topics[output.Topic].AddAll(output);
            }

            LateRecords += changes.Late;
            task.Recycle(changes);
        }

        transaction.Commit();
    }

    /// <summary>The records sent to a topic since the last call for it, decoded.</summary>
    /// <exception cref="ArgumentException">The topology does not write this topic.</exception>
    public IReadOnlyList<OutputRecord<TKey, TValue>> ReadOutput<TKey, TValue>(string topic, ICodec<TKey> keyCodec, ICodec<TValue> valueCodec)
    {
        ArgumentNullException.ThrowIfNull(keyCodec);
        ArgumentNullException.ThrowIfNull(valueCodec);
        return _topics.TryGetValue(topic, out var records)
            ? [.. records.ReadNew().Select(r => new OutputRecord<TKey, TValue>(
                Decode(keyCodec, r.Key), Decode(valueCodec, r.Value), DateTime.UnixEpoch.AddMilliseconds(r.TimestampMs!.Value), r.Headers))]
            : throw new ArgumentException($"The topology does not write topic '{topic}'; it writes {Quoted(_topology.SinkTopics)}.", nameof(topic));
    }

    /// <summary>A table's committed rows in key order, by column name. <c>jsonb</c> is text, <c>timestamptz</c> a UTC <see cref="DateTime"/>.</summary>
    /// <param name="name">The table's name.</param>
    /// <param name="schema">Its schema, if it was declared with one.</param>
    /// <exception cref="ArgumentException">The topology has no such table.</exception>
    public IReadOnlyList<IReadOnlyDictionary<string, object?>> Table(string name, string? schema = null)
    {
        var columns = _tables.Schema(name, schema).Columns;
        return [.. _tables.Rows(name, schema).Select(row => columns.Zip(row).ToDictionary(p => p.First.Name, p => p.Second, StringComparer.Ordinal))];
    }

    /// <summary>
    /// A table's committed rows in key order, as objects: constructor parameters and settable properties take the columns
    /// whose names are theirs in snake case.
    /// </summary>
    /// <param name="name">The table's name.</param>
    /// <param name="schema">Its schema, if it was declared with one.</param>
    /// <exception cref="ArgumentException">There is no such table, or no column for a parameter or property.</exception>
    /// <example><code>
    /// record Total(DateTime WindowStart, string Path, int Status, long N);
    ///
    /// Assert.Equal([new Total(minute, "/cart", 503, 2)], driver.Table&lt;Total&gt;("error_counts"));
    /// </code></example>
    public IReadOnlyList<TRow> Table<TRow>(string name, string? schema = null)
    {
        var reader = new RowReader<TRow>(_tables.Schema(name, schema));
        return [.. _tables.Rows(name, schema).Select(reader.Read)];
    }

    /// <summary>Ends the tasks.</summary>
    public void Dispose()
    {
        foreach (var task in _tasks.Values)
        {
            task.Dispose();
        }

        _json.Dispose();
    }

    /// <summary>Runs a batch as the log would hand it over, without a commit.</summary>
    internal void Process(TopicPartition source, RecordBatch batch)
    {
        if (!_tasks.TryGetValue(source, out var task))
        {
            task = _topology.SourceTopics.Contains(source.Topic)
                ? new StreamTask(_layout, source, _options, nextOffset: 0, streamTime: null)
                : throw new ArgumentException($"The topology does not read topic '{source.Topic}'; it reads {Quoted(_topology.SourceTopics)}.");
            _tasks.Add(source, task);
        }

        while (!task.Process(batch, Now))
        {
            _tables.Load(source, task.Missing);
        }

        _endOffsets[source] = batch.NextOffset;
    }

    private static string Quoted(IEnumerable<string> names) => string.Join(", ", names.Select(n => $"'{n}'"));

    private static byte[]? Encode<T>(ICodec<T> codec, T? value)
    {
        if (value is null)
        {
            return null;
        }

        using var bytes = new ByteBuffer();
        codec.Encode(value, bytes);
        return bytes.Written.ToArray();
    }

    private static T? Decode<T>(ICodec<T> codec, byte[]? bytes) => bytes is null ? default : codec.Decode(bytes);
}
