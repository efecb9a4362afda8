using System.Globalization;
using Chaos.Tests.Disturbances;
using Npgsql;

namespace Chaos.Tests;

/// <summary>How long it took from a kill until everything that the killed node had was worked on, and committed, again.</summary>
/// <param name="Kill">What killed it.</param>
/// <param name="At">When it was killed.</param>
/// <param name="Partitions">How many partitions it had.</param>
/// <param name="Took">Until the last of them had its first commit.</param>
internal sealed record Takeover(KillNode Kill, DateTime At, int Partitions, TimeSpan Took)
{
    public DateTime Until => At + Took;
}

/// <summary>Watches the table of partitions for what becomes of those that killed nodes had.</summary>
internal sealed class Takeovers : IAsyncDisposable
{
    private static readonly TimeSpan _interval = TimeSpan.FromMilliseconds(100);
    private readonly NpgsqlDataSource _data;
    private readonly string _sql;
    private readonly CancellationTokenSource _stop = new();
    private readonly Task _watching;
    private readonly Lock _lock = new();
    private readonly List<Pending> _pending = [];
    private readonly List<Takeover> _done = [];
    private Dictionary<int, Row> _rows = [];

    public Takeovers(string postgres, string application)
    {
        _data = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres) { MaxPoolSize = 1, CommandTimeout = 2 });
        _sql = $"SELECT partition, epoch, next_offset, node FROM \"{application}\".partitions";
        _watching = Task.Run(WatchAsync);
    }

    private readonly record struct Row(long Epoch, long? NextOffset, string? Node);

    private sealed class Pending(KillNode kill, DateTime at, IEnumerable<int> partitions)
    {
        public KillNode Kill { get; } = kill;

        public DateTime At { get; } = at;

        public int Count { get; } = partitions.Count();

        /// <summary>What is not committed again yet, with the epoch to get past, and the offset to get past once that is.</summary>
        public Dictionary<int, (long Epoch, long? From)> Open { get; } = partitions.ToDictionary(p => p, _ => (0L, (long?)null));
    }

    /// <summary>Those that are complete.</summary>
    public IReadOnlyList<Takeover> Done
    {
        get
        {
            lock (_lock)
            {
                return [.. _done];
            }
        }
    }

    /// <summary>Whether a node has any partitions, as last seen.</summary>
    public bool HasAny(string? node)
    {
        lock (_lock)
        {
            return _rows.Values.Any(r => r.Node == node);
        }
    }

    /// <summary>A node is killed now.</summary>
    public void Killed(string node, KillNode kill)
    {
        lock (_lock)
        {
            var pending = new Pending(kill, DateTime.UtcNow, _rows.Where(r => r.Value.Node == node).Select(r => r.Key));
            foreach (var partition in pending.Open.Keys.ToList())
            {
                pending.Open[partition] = (_rows[partition].Epoch, null);
            }

            if (pending.Count > 0)
            {
                _pending.Add(pending);
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await _stop.CancelAsync();
        await _watching.ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        await _data.DisposeAsync();
        _stop.Dispose();
    }

    private async Task WatchAsync()
    {
        while (!_stop.IsCancellationRequested)
        {
            try
            {
                await LookAsync();
            }
            catch (Exception e) when (e is NpgsqlException or TimeoutException)
            {
                // PostgreSQL is away, or the first node has not made the tables yet.
            }

            await Task.Delay(_interval, _stop.Token).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
        }
    }

    private async Task LookAsync()
    {
        var rows = new Dictionary<int, Row>();
        await using var command = _data.CreateCommand(_sql);
        await using var reader = await command.ExecuteReaderAsync(_stop.Token);
        while (await reader.ReadAsync(_stop.Token))
        {
            rows[reader.GetInt32(0)] = new(reader.GetInt64(1), reader.IsDBNull(2) ? null : reader.GetInt64(2), reader.IsDBNull(3) ? null : reader.GetString(3));
        }

        lock (_lock)
        {
            _rows = rows;
            _pending.ForEach(Look);
            foreach (var pending in _pending.FindAll(p => p.Open.Count == 0))
            {
                _pending.Remove(pending);
                _done.Add(new Takeover(pending.Kill, pending.At, pending.Count, DateTime.UtcNow - pending.At));
            }
        }
    }

    private void Look(Pending pending)
    {
        foreach (var (partition, (epoch, from)) in pending.Open.ToList())
        {
            var row = _rows[partition];
            if (row.Epoch <= epoch)
            {
                continue;
            }

            if (from is null)
            {
                pending.Open[partition] = (epoch, row.NextOffset ?? 0);
            }
            else if (row.NextOffset > from)
            {
                pending.Open.Remove(partition);
            }
        }
    }

    /// <summary>For the log.</summary>
    public override string ToString()
    {
        lock (_lock)
        {
            return string.Create(CultureInfo.InvariantCulture, $"{_done.Count} takeovers, {_pending.Count} under way");
        }
    }
}
