using System.Diagnostics.Metrics;
using Streams.Processors;

namespace Streams.Hosting.Telemetry;

/// <summary>Every metric of a node, on the meter <see cref="MeterName"/>. Names follow OpenTelemetry's conventions.</summary>
internal sealed class NodeMetrics : IDisposable
{
    public const string MeterName = "Streams";

    private static readonly InstrumentAdvice<double> _seconds = new()
    {
        HistogramBucketBoundaries = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60],
    };

    private readonly Meter _meter;
    private readonly Counter<long> _records;
    private readonly Counter<long> _late;
    private readonly Counter<long> _deadLetters;
    private readonly Counter<long> _skipped;
    private readonly Counter<long> _replayed;
    private readonly Counter<long> _rows;
    private readonly Counter<long> _sent;
    private readonly Counter<long> _commits;
    private readonly Counter<long> _commitFailures;
    private readonly Counter<long> _fenced;
    private readonly Counter<long> _loaded;
    private readonly Histogram<double> _loadSeconds;
    private readonly Histogram<double> _commitSeconds;
    private readonly Histogram<double> _lockSeconds;
    private readonly Histogram<double> _latencySeconds;

    public NodeMetrics(IMeterFactory factory)
    {
        _meter = factory.Create(MeterName);
        _records = _meter.CreateCounter<long>("streams.records", "{record}", "Records read and committed, dead letters and late ones included.");
        _late = _meter.CreateCounter<long>("streams.records.late", "{record}", "Records that came after their window had closed.");
        _deadLetters = _meter.CreateCounter<long>("streams.dead_letters", "{record}", "Records that could not be processed.");
        _skipped = _meter.CreateCounter<long>("streams.records.skipped", "{record}", "Records that could not be processed and were passed over, as Streams:OnError=Skip asks for.");
        _replayed = _meter.CreateCounter<long>("streams.dead_letters.replayed", "{record}", "Dead letters that were run once more, by outcome: through, failed.");
        _rows = _meter.CreateCounter<long>("streams.rows", "{row}", "Rows written, by table.");
        _sent = _meter.CreateCounter<long>("streams.records.sent", "{record}", "Records sent, by topic.");
        _commits = _meter.CreateCounter<long>("streams.commits", "{commit}", "Commit cycles that succeeded.");
        _commitFailures = _meter.CreateCounter<long>("streams.commit.failures", "{commit}", "Commit cycles that failed and were tried again.");
        _fenced = _meter.CreateCounter<long>("streams.partitions.fenced", "{partition}", "Partitions this node was fenced off.");
        _loaded = _meter.CreateCounter<long>("streams.state.loads", "{key}", "Keys whose states were not in memory and were looked for in PostgreSQL, by table.");
        _loadSeconds = _meter.CreateHistogram<double>("streams.state.load_duration", "s", "How long a batch waited for states.", tags: null, _seconds);
        _commitSeconds = _meter.CreateHistogram<double>("streams.commit.duration", "s", "How long a commit cycle takes.", tags: null, _seconds);
        _lockSeconds = _meter.CreateHistogram<double>("streams.commit.lock_duration", "s", "From the merge of rows that nodes share to the end of PostgreSQL's commit: so long other nodes may wait for them.", tags: null, _seconds);
        _latencySeconds = _meter.CreateHistogram<double>("streams.latency", "s", "From a record's Kafka timestamp to its commit, for the newest record of each task and cycle.", tags: null, _seconds);
    }

    /// <summary>What happened so far, for terminal views.</summary>
    public NodeTotals Totals { get; } = new();

    /// <summary>Adds gauges that are read when asked for.</summary>
    public void Observe(Func<IEnumerable<Measurement<long>>> lag, Func<IEnumerable<Measurement<int>>> ready)
    {
        _meter.CreateObservableGauge("streams.lag", lag, "{record}", "Records between what is committed and the end of the partition.");
        _meter.CreateObservableGauge("streams.ready", ready, description: "1 when the node can do its work, else 0.");
    }

    public void Committed(ChangeSet changes)
    {
        _records.Add(changes.Records, new KeyValuePair<string, object?>("topic", changes.Partition.Topic));
        _late.Add(changes.Late);
        _deadLetters.Add(changes.DeadLetters.Count);
        _skipped.Add(changes.Skipped);
        Totals.Add(changes.Records, changes.Late, changes.DeadLetters.Count);
    }

    public void Replayed(int through, int failed)
    {
        _replayed.Add(through, new KeyValuePair<string, object?>("outcome", "through"));
        _replayed.Add(failed, new KeyValuePair<string, object?>("outcome", "failed"));
    }

    public void Wrote(string table, int rows) => _rows.Add(rows, new KeyValuePair<string, object?>("table", table));

    public void Sent(string topic, int records)
    {
        _sent.Add(records, new KeyValuePair<string, object?>("topic", topic));
        Totals.AddSent(topic, records);
    }

    public void Loaded(string table, int keys) => _loaded.Add(keys, new KeyValuePair<string, object?>("table", table));

    public void LoadTook(TimeSpan duration) => _loadSeconds.Record(duration.TotalSeconds);

    public void CommitTook(TimeSpan duration)
    {
        _commits.Add(1);
        _commitSeconds.Record(duration.TotalSeconds);
        Totals.LastCommit = duration;
    }

    /// <summary>How long a cycle held the locks of rows that nodes share; <c>null</c> if it merged none.</summary>
    public void HeldLocks(TimeSpan? duration)
    {
        if (duration is { } held)
        {
            _lockSeconds.Record(held.TotalSeconds);
        }
    }

    public void CommitFailed() => _commitFailures.Add(1);

    public void Fenced() => _fenced.Add(1);

    public void Latency(TimeSpan latency)
    {
        _latencySeconds.Record(latency.TotalSeconds);
        Totals.AddLatency(latency);
    }

    public void Dispose() => _meter.Dispose();
}
