using System.Diagnostics;
using Npgsql;

namespace Clickstream;

/// <summary>
/// Traffic through a running node, and what is known of it: <see cref="State"/> for the eye while it runs, a
/// <see cref="DemoResult"/> at its end.
/// </summary>
internal sealed class DemoSession(DemoNode node, DemoTraffic traffic, TopicFollower follower, DemoTables tables, ClickstreamNames names, TimeSpan? length)
{
    private const int MostPaths = 20;

    /// <summary>Together less than the time that a program has to end after Ctrl-C.</summary>
    private static readonly TimeSpan DeliveryPatience = TimeSpan.FromSeconds(4);
    private static readonly TimeSpan SettlePatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan StopPatience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan FollowerPatience = TimeSpan.FromMilliseconds(300);
    private static readonly TimeSpan LookInterval = TimeSpan.FromMilliseconds(250);
    private static readonly TimeSpan TopSpan = TimeSpan.FromMinutes(5);

    private readonly Stopwatch _watch = new();
    private readonly RateMeter _clickRate = new(TimeSpan.FromSeconds(3));
    private readonly RateMeter _errorRate = new(TimeSpan.FromSeconds(3));
    private volatile TableCounts? _counts;
    private volatile IReadOnlyList<TopPath> _top = [];
    private volatile string? _notReady;
    private volatile string? _phase;

    /// <summary>Why it ended before its time; <c>null</c> when it did not.</summary>
    public string? Failure { get; private set; }

    /// <summary>What is known at this moment. For one caller at a time.</summary>
    public DemoState State()
    {
        var now = TimeSpan.FromMilliseconds(Environment.TickCount64);
        var (clicks, errors) = (traffic.Sent, follower.Errors);
        var totals = node.Totals;
        return new()
        {
            Elapsed = _watch.Elapsed,
            Length = length,
            Ending = _phase,
            NotReady = _notReady,
            ClicksSent = clicks,
            ClicksPerSecond = _clickRate.PerSecond(now, clicks),
            Errors = errors,
            ErrorsPerSecond = _errorRate.PerSecond(now, errors),
            Tables = _counts,
            Top = _top,
            Late = totals.Late,
            Committed = totals.Records,
            LatencyMedian = totals.Latency(0.5),
            Latency99 = totals.Latency(0.99),
            Commit = totals.LastCommit,
            WarningCount = node.Warnings.Count,
            Warnings = node.Warnings.Lines,
        };
    }

    /// <summary>Sends clicks until its time is over or somebody ends it, and then waits until the last one has come through.</summary>
    /// <param name="interrupt">Ends the traffic.</param>
    public async Task<DemoResult> RunAsync(CancellationToken interrupt)
    {
        using var ending = CancellationTokenSource.CreateLinkedTokenSource(interrupt, node.Stopping);
        using var looking = new CancellationTokenSource();
        var look = LookAsync(looking.Token);
        _ = State(); // The rates' first sample.
        _watch.Start();
        if (length is { } time)
        {
            ending.CancelAfter(time);
        }

        await traffic.RunAsync(DeliveryPatience, ending.Token);
        _watch.Stop();
        _phase = "traffic has ended, waiting for the last clicks";
        if (node.Stopping.IsCancellationRequested)
        {
            Failure = $"The node has stopped. {node.LastWarning}";
        }

        await SettleAsync();
        await looking.CancelAsync();
        await look;

        // What counts is what there is once the node has stopped: nothing comes afterwards that would make it wrong again.
        var (median, high) = (node.Totals.Latency(0.5), node.Totals.Latency(0.99));
        _phase = "everything has come through, the node stops";
        var wasRunning = !node.Stopping.IsCancellationRequested;
        if (!await node.StopAsync(StopPatience) && wasRunning)
        {
            Failure = $"The node did not stop within {StopPatience.TotalSeconds:N0} s. {node.LastWarning}";
        }

        await Task.Delay(FollowerPatience, CancellationToken.None);
        Failure ??= follower.Problem is { } problem ? $"The topics could not be read to their end: {problem}" : null;
        return await CollectAsync() with { LatencyMedian = median, Latency99 = high };
    }

    private async Task SettleAsync()
    {
        var watch = Stopwatch.StartNew();
        while (watch.Elapsed < SettlePatience && !node.Stopping.IsCancellationRequested)
        {
            var result = await CollectAsync();
            _counts = result.Tables;
            if (result.Agrees(names))
            {
                return;
            }

            await Task.Delay(TimeSpan.FromMilliseconds(200));
        }
    }

    private async Task<DemoResult> CollectAsync()
    {
        var counts = await tables.CountAsync(CancellationToken.None);
        return new()
        {
            Elapsed = _watch.Elapsed,
            ClicksSent = traffic.Sent,
            ClicksFailed = traffic.Failed,
            ErrorsSent = traffic.Errors,
            DeadErrors = counts.DeadLetters == 0 ? 0 : await tables.DeadErrorsAsync(CancellationToken.None),
            Late = node.Totals.Late,
            Tables = counts,
            TopicErrors = follower.Errors,
            TopicDuplicates = follower.Duplicates,
            TopicCounted = follower.Counted,
        };
    }

    /// <summary>Looks at tables and health for each new picture; less often when looking takes long.</summary>
    private async Task LookAsync(CancellationToken cancellation)
    {
        while (!cancellation.IsCancellationRequested)
        {
            var watch = Stopwatch.StartNew();
            try
            {
                _notReady = await node.ProblemAsync(cancellation);
                _counts = await tables.CountAsync(cancellation);
                _top = await tables.TopAsync(DateTimeOffset.UtcNow - TopSpan, MostPaths, cancellation);
            }
            catch (NpgsqlException)
            {
                // The node needs PostgreSQL as well: its health says what is wrong.
            }
            catch (OperationCanceledException)
            {
                return;
            }

            var pause = watch.Elapsed * 10;
            await Task.Delay(pause > LookInterval ? pause : LookInterval, cancellation).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }
}
