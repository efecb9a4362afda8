using TestKit;

namespace Integration.Tests.Support;

/// <summary>Clicks that keep coming until they are told to stop.</summary>
internal sealed class Feed : IAsyncDisposable
{
    private static readonly TimeSpan _pause = TimeSpan.FromMilliseconds(20);
    private readonly Job _job;
    private readonly TestClicks _clicks;
    private readonly int _perSecond;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _running;
    private long _written;

    /// <param name="job">Whose input to write.</param>
    /// <param name="clicks">What to write.</param>
    /// <param name="perSecond">About how many a second.</param>
    public Feed(Job job, TestClicks clicks, int perSecond)
    {
        _job = job;
        _clicks = clicks;
        _perSecond = perSecond;
        _running = Task.Run(RunAsync);
    }

    /// <summary>How many the broker has.</summary>
    public long Written => Interlocked.Read(ref _written);

    /// <summary>Ends it, and returns how many were written.</summary>
    public async Task<long> StopAsync()
    {
        await _stop.CancelAsync();
        await _running;
        return Written;
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _running.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        _stop.Dispose();
    }

    private async Task RunAsync()
    {
        using var writer = new TopicWriter(_job.Kafka.BootstrapServers);
        while (!_stop.IsCancellationRequested)
        {
            var batch = _clicks.Take(Math.Max(1, (int)(_perSecond * _pause.TotalSeconds)));
            await writer.WriteAsync(_job.Clicks, batch);
            Interlocked.Add(ref _written, batch.Count);
            await Task.Delay(_pause);
        }
    }
}
