using System.Collections.Concurrent;

namespace Streams.Hosting.Telemetry;

/// <summary>A node's running totals, for views inside the process. All members may be read from any thread.</summary>
public sealed class NodeTotals
{
    private const int LatencySamples = 1024;
    private readonly ConcurrentDictionary<string, long> _sent = new(StringComparer.Ordinal);
    private readonly double[] _latencies = new double[LatencySamples];
    private long _records;
    private long _late;
    private long _deadLetters;
    private long _latencyCount;
    private long _lastCommitTicks;

    /// <summary>Records read and committed.</summary>
    public long Records => Interlocked.Read(ref _records);

    /// <summary>Late records among them.</summary>
    public long Late => Interlocked.Read(ref _late);

    /// <summary>Dead letters among them.</summary>
    public long DeadLetters => Interlocked.Read(ref _deadLetters);

    /// <summary>Records sent, by topic.</summary>
    public IReadOnlyDictionary<string, long> Sent => _sent;

    /// <summary>How long the last commit cycle took.</summary>
    public TimeSpan LastCommit
    {
        get => new(Interlocked.Read(ref _lastCommitTicks));
        internal set => Interlocked.Exchange(ref _lastCommitTicks, value.Ticks);
    }

    /// <summary>A quantile of the latest latencies from a record's Kafka timestamp to its commit; <c>null</c> before the first.</summary>
    /// <param name="quantile">0 to 1.</param>
    public TimeSpan? Latency(double quantile)
    {
        var count = (int)Math.Min(Interlocked.Read(ref _latencyCount), LatencySamples);
        if (count == 0)
        {
            return null;
        }

        var sorted = _latencies[..count];
        Array.Sort(sorted);
        return TimeSpan.FromSeconds(sorted[(int)Math.Min(count - 1, quantile * count)]);
    }

    internal void Add(long records, long late, long deadLetters)
    {
        Interlocked.Add(ref _records, records);
        Interlocked.Add(ref _late, late);
        Interlocked.Add(ref _deadLetters, deadLetters);
    }

    internal void AddSent(string topic, long records) => _sent.AddOrUpdate(topic, records, (_, sum) => sum + records);

    internal void AddLatency(TimeSpan latency) =>
        _latencies[(Interlocked.Increment(ref _latencyCount) - 1) % LatencySamples] = latency.TotalSeconds;
}
