using System.Diagnostics;
using System.Globalization;
using Streams.Bench.Report;

namespace Streams.Bench.Live;

/// <summary>
/// Two nodes share the input, one is killed (<c>kill -9</c>): how long until each of its partitions has been committed by the
/// other one. With a given number of rows in the table of counts, which is the state.
/// </summary>
internal sealed class TakeoverRun(Servers servers, BenchOptions options, RunView view, string run)
{
    private const double PerSecond = 2000;

    private static readonly TimeSpan Stretch = TimeSpan.FromSeconds(3);
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    private int SessionTimeoutMs => servers.Kafka.IsReal ? 6000 : 3000;

    public Task<Result> RunAsync(string name, long stateRows, CancellationToken cancellation) => view.RunAsync(name, async progress =>
    {
        await using var stage = await Stage.CreateAsync(servers, options, run, name);
        var doomed = await stage.StartReadyNodeAsync(Settings("doomed"), cancellation);
        await FillAsync(stage, stateRows, cancellation);
        progress(0.3);
        await stage.StartReadyNodeAsync(Settings("heir"), cancellation);

        using var enough = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        var feeding = FeedAsync(stage, enough.Token);
        await UntilAsync(stage, owners => owners.Values.Count(owner => owner.Node == "doomed") is > 0 and < Servers.TopicPartitions && owners.Values.All(owner => owner.NextOffset > 0), cancellation);
        progress(0.5);

        var killed = Stopwatch.GetTimestamp();
        doomed.Kill();
        var before = await OwnersAsync(stage, cancellation);
        var orphans = before.Where(partition => partition.Value.Node == "doomed").Select(partition => partition.Key).ToList();
        await UntilAsync(stage, owners => orphans.All(p => owners[p].Node == "heir"), cancellation);
        var owned = Stopwatch.GetElapsedTime(killed);
        await UntilAsync(stage, owners => orphans.All(p => owners[p].Node == "heir" && owners[p].NextOffset > before[p].NextOffset), cancellation);
        var committed = Stopwatch.GetElapsedTime(killed);
        await enough.CancelAsync();
        await CheckAsync(stage, stateRows, await feeding, cancellation);
        return new Result
        {
            Name = name,
            EventsPerSecond = PerSecond,
            Further =
            [
                new("takeover_ms", committed.TotalMilliseconds),
                new("after_assignment_ms", (committed - owned).TotalMilliseconds),
                new("session_timeout_ms", SessionTimeoutMs),
                new("state_rows", stateRows),
            ],
            Note = string.Create(CultureInfo.InvariantCulture,
                $"{committed.TotalSeconds:N1} s with {stateRows:N0} rows of state: {owned.TotalSeconds:N1} s to the new epochs (session timeout {SessionTimeoutMs / 1000} s), {(committed - owned).TotalMilliseconds:N0} ms to the first commits"),
        };
    });

    private IEnumerable<KeyValuePair<string, string?>> Settings(string node) =>
    [
        new("Streams:NodeName", node),
        new("Kafka:Consumer:session_timeout_ms", SessionTimeoutMs.ToString(CultureInfo.InvariantCulture)),
        new("Kafka:Consumer:heartbeat_interval_ms", "1000"),
    ];

    private static async Task FillAsync(Stage stage, long rows, CancellationToken cancellation)
    {
        await using var fill = stage.Data.CreateCommand(
            $"""
            INSERT INTO {stage.Schema}.error_counts (window_start, path, status, n)
            SELECT date_trunc('day', now()) - interval '2 days' + (i % 1440) * interval '1 minute', '/state/' || i, 500, 1
            FROM generate_series(1, {rows.ToString(CultureInfo.InvariantCulture)}) AS i
            """);
        fill.CommandTimeout = 0;
        await fill.ExecuteNonQueryAsync(cancellation);

        // State that has stood for long: neither the rows' way to the disk nor the first look at them is part of a takeover.
        foreach (var statement in new[] { $"VACUUM ANALYZE {stage.Schema}.error_counts", "CHECKPOINT" })
        {
            await using var settle = stage.Data.CreateCommand(statement);
            settle.CommandTimeout = 0;
            await settle.ExecuteNonQueryAsync(cancellation);
        }
    }

    /// <summary>Feeds in short stretches until it is told to end: how long the takeover takes is not known before.</summary>
    private static async Task<long> FeedAsync(Stage stage, CancellationToken enough)
    {
        var clicks = 0L;
        while (!enough.IsCancellationRequested)
        {
            clicks += (await stage.FeedAsync(PerSecond, Stretch, _ => { }, CancellationToken.None)).Clicks;
        }

        return clicks;
    }

    private static async Task CheckAsync(Stage stage, long stateRows, long clicks, CancellationToken cancellation)
    {
        await UntilAsync(stage, owners => owners.Values.Sum(owner => owner.NextOffset) >= clicks, cancellation);
        await using var count = stage.Data.CreateCommand(
            $"SELECT (SELECT count(*) FROM {stage.Schema}.errors), (SELECT sum(n) FROM {stage.Schema}.error_counts)::bigint");
        count.CommandTimeout = 0;
        await using var reader = await count.ExecuteReaderAsync(cancellation);
        await reader.ReadAsync(cancellation);
        var (errors, counted) = (reader.GetInt64(0), reader.IsDBNull(1) ? 0 : reader.GetInt64(1));
        if (counted != errors + stateRows)
        {
            throw new BenchException($"After the takeover {counted} errors are counted instead of {errors} and the {stateRows} of the state.");
        }
    }

    private static async Task UntilAsync(Stage stage, Func<Dictionary<int, Owner>, bool> condition, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        while (!condition(await OwnersAsync(stage, cancellation)))
        {
            if (Stopwatch.GetElapsedTime(started) > Patience)
            {
                throw new BenchException($"The takeover has not come about within {Patience.TotalSeconds} s.");
            }

            await Task.Delay(Look, cancellation);
        }
    }

    private static async Task<Dictionary<int, Owner>> OwnersAsync(Stage stage, CancellationToken cancellation)
    {
        await using var command = stage.Data.CreateCommand($"SELECT partition, node, coalesce(next_offset, 0) FROM {stage.Schema}.partitions");
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        var owners = new Dictionary<int, Owner>();
        while (await reader.ReadAsync(cancellation))
        {
            owners[reader.GetInt32(0)] = new Owner(reader.GetString(1), reader.GetInt64(2));
        }

        return owners;
    }

    private readonly record struct Owner(string Node, long NextOffset);
}
