using System.Text;
using Integration.Tests.Support;
using TestKit;

namespace Chaos.Tests;

/// <summary>
/// Clicks at a steady pace, which outages do not change: what could not be written then is written afterwards. A few are no
/// clicks at all, and must become dead letters.
/// </summary>
internal sealed class Traffic : IAsyncDisposable
{
    private const string BadKey = "bad";
    private const int OneInBad = 1_000;
    private const int LargestBatch = 5_000;
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);
    private static readonly byte[][] _badValues =
    [
        Encoding.UTF8.GetBytes("{\"path\":\"/cut\",\"status\":50"),
        Encoding.UTF8.GetBytes("{\"path\":\"/nul\\u0000\",\"status\":500}"),
        [0xFF, 0xFE, 0x00],
    ];

    private readonly Stage _stage;
    private readonly ChaosOptions _options;
    private readonly TestClicks _clicks;
    private readonly CancellationTokenSource _stop = new();
    private long _written;

    public Traffic(Stage stage, ChaosOptions options)
    {
        _stage = stage;
        _options = options;
        _clicks = new TestClicks(options.Seed, options.Partitions);
        Completed = Task.Run(RunAsync);
    }

    /// <summary>All are written.</summary>
    public Task Completed { get; }

    /// <summary>How many the broker has.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Which records of the input are no clicks.</summary>
    public static IReadOnlySet<(int Partition, long Offset)> BadOf(IEnumerable<TestRecord> input) =>
        input.Where(r => r.KeyText == BadKey).Select(r => (r.Partition, r.Offset)).ToHashSet();

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await Completed.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        var started = _stage.Elapsed;
        using var writer = new TopicWriter(_stage.Kafka.BootstrapServers);
        while (Written < _options.Events && !_stop.IsCancellationRequested)
        {
            var due = Math.Min(_options.Events, (long)((_stage.Elapsed - started) / _options.Duration * _options.Events));
            var batch = (int)Math.Min(LargestBatch, due - Written);
            if (batch > 0)
            {
                await writer.WriteAsync(_stage.Job.Clicks, Enumerable.Range(0, batch).Select(i => Next(Written + i)).ToList());
                Interlocked.Add(ref _written, batch);
            }
            else
            {
                await Task.Delay(_pause);
            }
        }
    }

    private TestMessage Next(long id)
    {
        var click = _clicks.Next();
        return id % OneInBad == OneInBad - 1
            ? click with { Key = Encoding.UTF8.GetBytes(BadKey), Value = _badValues[id / OneInBad % _badValues.Length] }
            : click;
    }
}
