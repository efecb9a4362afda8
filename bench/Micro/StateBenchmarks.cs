using BenchmarkDotNet.Attributes;
using Clickstream;
using Streams.Processors;

namespace Streams.Bench.Micro;

/// <summary>Window arithmetic, and the main job's map of deltas, keyed by minute, path and status.</summary>
public class StateBenchmarks
{
    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private readonly TimeWindows _minutes = Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1));
    private readonly DateTime[] _times = [.. Enumerable.Range(0, Clicks.Count).Select(i => Start.AddMilliseconds(i * 173))];
    private AggregateChanges? _target;
    private AggregateChanges? _source;
    private int _keys;

    [GlobalSetup]
    public void Setup()
    {
        var names = new ClickstreamNames { Clicks = "in" };
        var run = new EngineRun(ClickstreamTopology.Build(names), Clicks.Values());
        _source = run.Changes().Aggregates[0];
        _target = _source.CreateEmpty();
        _keys = _source.Count;
    }

    [Benchmark(OperationsPerInvoke = Clicks.Count)]
    public int WindowStartAndLateness()
    {
        var open = 0;
        foreach (var time in _times)
        {
            open += _minutes.IsClosed(_minutes.LastStartOf(time), time) ? 0 : 1;
        }

        return open;
    }

    /// <summary>Merges the errors of a thousand clicks into an empty map, as those of several tasks are added up for a commit; for all of them, not for one.</summary>
    [Benchmark]
    public int MergeDeltasOfThousandClicks()
    {
        _target!.Clear();
        _target.MergeFrom(_source!);
        return _target.Count == _keys ? _keys : throw new InvalidOperationException("Keys got lost.");
    }

    [Benchmark]
    public int DeltasOfThousandClicksToRows() => _source!.ToRows().Count;
}
