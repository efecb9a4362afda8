using BenchmarkDotNet.Attributes;
using Streams.Processors;

namespace Streams.Bench.Micro;

/// <summary>
/// Each operator behind a source of numbers, per record, with a commit's bookkeeping every thousand records. What does not end in a sink of
/// its own ends in one that gets nothing; <c>source</c> is that alone, and part of all others.
/// </summary>
public class OperatorBenchmarks : IDisposable
{
    private EngineRun? _run;

    /// <summary>The operator.</summary>
    [Params("source", "filter", "map", "map-values", "flat-map", "branch", "merge", "peek", "to", "to-table", "count", "windowed-count", "hopping-count", "late")]
    public string Operator { get; set; } = "source";

    [GlobalSetup]
    public void Setup()
    {
        var builder = new StreamBuilder();
        Declare(builder.Stream("in", Codecs.Int64, Codecs.Int64));
        _run = new EngineRun(builder.Build(), [.. Enumerable.Range(0, Clicks.Count).Select(i => EndlessBatch.Number(i))]);
    }

    [Benchmark(OperationsPerInvoke = Clicks.Count)]
    public long PerRecord() => _run!.Run();

    [GlobalCleanup]
    public void Dispose()
    {
        _run?.Dispose();
        GC.SuppressFinalize(this);
    }

    private void Declare(Stream<long, long> numbers)
    {
        switch (Operator)
        {
            case "source":
                Nowhere(numbers);
                break;
            case "filter":
                Nowhere(numbers.Filter(n => n % 2 == 0));
                break;
            case "map":
                Nowhere(numbers.Map((key, n) => (n, key)));
                break;
            case "map-values":
                Nowhere(numbers.MapValues(n => n + 1));
                break;
            case "flat-map":
                Nowhere(numbers.FlatMap((key, n) => new[] { (key, n), (key, -n) }));
                break;
            case "branch":
                var branches = numbers.Branch(n => n % 2 == 0, _ => true);
                Nowhere(branches[0].Merge(branches[1]));
                break;
            case "merge":
                Nowhere(numbers.Merge(numbers.Filter(n => n % 2 == 0)));
                break;
            case "peek":
                Nowhere(numbers.Peek((_, _) => { }));
                break;
            case "to":
                numbers.To("out");
                break;
            case "to-table":
                numbers.ToTable("numbers");
                break;
            case "count":
                numbers.GroupBy(n => n % 100, "remainder").Count("n").ToTable("counts");
                break;
            case "windowed-count":
                numbers.GroupBy(n => n % 100, "remainder").WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1))).Count("n").ToTable("counts");
                break;
            case "hopping-count":
                numbers.GroupBy(n => n % 100, "remainder").WindowedBy(Hopping.Of(TimeSpan.FromMinutes(1), TimeSpan.FromSeconds(12))).Count("n").ToTable("counts");
                break;
            case "late":
                Nowhere(numbers.GroupBy(n => n % 100).WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1))).Late());
                break;
            default:
                throw new InvalidOperationException($"There is no operator {Operator}.");
        }
    }

    private static void Nowhere(Stream<long, long> numbers) => numbers.Filter(n => n == long.MinValue).To("out", Codecs.Int64, Codecs.Int64);
}
