using Npgsql;

namespace Streams.Bench.Live;

/// <summary>
/// Notes when commits become visible: asks over one connection, again and again, how far each partition is. An offset stands
/// in the same transaction as the rows of its clicks, so both become visible at the same moment.
/// </summary>
internal sealed class CommitProbe : IAsyncDisposable
{
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(1);

    private readonly Dictionary<int, List<(long NextOffset, double Ms)>> _seen = [];
    private readonly CancellationTokenSource _stop = new();
    private readonly Stage _stage;
    private Task _asking = Task.CompletedTask;

    private CommitProbe(Stage stage) => _stage = stage;

    public static CommitProbe Start(Stage stage)
    {
        var probe = new CommitProbe(stage);
        probe._asking = Task.Run(probe.AskAsync);
        return probe;
    }

    /// <summary>When a record was visible, in milliseconds since 1970; <c>null</c> if it was not while the probe ran.</summary>
    public double? VisibleMs(int partition, long offset)
    {
        if (!_seen.TryGetValue(partition, out var commits))
        {
            return null;
        }

        var (low, high) = (0, commits.Count);
        while (low < high)
        {
            var middle = (low + high) / 2;
            (low, high) = commits[middle].NextOffset > offset ? (low, middle) : (middle + 1, high);
        }

        return low < commits.Count ? commits[low].Ms : null;
    }

    /// <summary>Asks no more.</summary>
    public async Task StopAsync()
    {
        await _stop.CancelAsync();
        await _asking;
    }

    public async ValueTask DisposeAsync()
    {
        await StopAsync();
        _stop.Dispose();
    }

    private async Task AskAsync()
    {
        await using var connection = await _stage.Data.OpenConnectionAsync();
        await using var command = new NpgsqlCommand($"SELECT partition, next_offset FROM {_stage.Schema}.partitions WHERE next_offset IS NOT NULL", connection);
        await command.PrepareAsync();
        while (!_stop.IsCancellationRequested)
        {
            await using (var reader = await command.ExecuteReaderAsync())
            {
                double? now = null;
                while (await reader.ReadAsync())
                {
                    now ??= (DateTime.UtcNow - DateTime.UnixEpoch).TotalMilliseconds;
                    Note(reader.GetInt32(0), reader.GetInt64(1), now.Value);
                }
            }

            await Task.Delay(Pause);
        }
    }

    private void Note(int partition, long nextOffset, double now)
    {
        if (!_seen.TryGetValue(partition, out var commits))
        {
            _seen[partition] = commits = [];
        }

        if (commits.Count == 0 || commits[^1].NextOffset < nextOffset)
        {
            commits.Add((nextOffset, now));
        }
    }
}
