using System.Text;
using Npgsql;
using Simulation.Tests.Machine;
using Simulation.Tests.Scenario;
using Streams;
using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Simulation.Tests.Store;

/// <summary>
/// The server of the fake store, as PostgreSQL is where it matters: transactions at READ COMMITTED whose writes only they see,
/// row locks until the end, a fence on the rows of partitions, sessions that the server ends when they idle or their client is
/// gone. Its methods run as the server's process.
/// </summary>
internal sealed class Database
{
    private readonly Simulator _simulator;
    private readonly StoreLimits _limits;
    private readonly Action<string> _onViolation;
    private readonly List<Session> _open = [];
    private readonly SortedDictionary<TopicPartition, PartitionRow> _partitions = [];
    private readonly Dictionary<string, Table> _tables = new(StringComparer.Ordinal);
    private readonly Locks _locks;
    private int _sessions;

    public Database(Simulator simulator, Topology topology, StoreLimits limits, Action<string> onViolation)
    {
        _simulator = simulator;
        _limits = limits;
        _onViolation = onViolation;
        _locks = new Locks(simulator, limits.LockTimeout, onViolation);
        Process = new SimulatedProcess(simulator, "postgres");
        foreach (var schema in topology.Tables)
        {
            _tables.Add(schema.Name, new Table(schema));
        }
    }

    public SimulatedProcess Process { get; }

    /// <summary>Whether a cycle that another node has fenced off is refused. Off only to see what happens then.</summary>
    public bool HasFence { get; set; } = true;

    public IReadOnlyDictionary<TopicPartition, PartitionRow> Partitions => _partitions;

    public Letters Letters { get; } = new();

    /// <summary>Rows that are refused no more: somebody has mended what spoke against them.</summary>
    public HashSet<(TopicPartition Partition, long Offset)> Mended { get; } = [];

    public Table Table(string name) => _tables[name];

    public Session Open(string client)
    {
        var session = new Session($"{client}/{++_sessions}");
        _open.Add(session);
        return session;
    }

    public async Task<IReadOnlyList<PartitionStart>> AcquireAsync(Session session, IReadOnlyList<TopicPartition> sorted)
    {
        var starts = new List<PartitionStart>(sorted.Count);
        foreach (var partition in sorted)
        {
            await _locks.TakeAsync(session, RowOf(partition));
            var row = _partitions.GetValueOrDefault(partition) ?? new PartitionRow(0, null, null);
            row = row with { Epoch = row.Epoch + 1 };
            session.Partitions[partition] = row;
            starts.Add(new PartitionStart(partition, row.Epoch, row.NextOffset, row.StreamTime));
        }

        Commit(session);
        return starts;
    }

    /// <summary>Moves the offsets under their fence, and writes what is this node's alone.</summary>
    /// <exception cref="FencedException">Some rows are another node's.</exception>
    public async Task<bool> WriteAsync(Session session, Write write)
    {
        await FenceAsync(session, write.Moves);
        session.DeadLetters.AddRange(write.DeadLetters);
        session.Replays.AddRange(write.Replays);
        foreach (var append in write.Appends)
        {
            await PauseAsync(session);
            if (append.Table.Name == SimulatedTopology.ErrorRows && append.Rows.Any(r => IsRefused(append.Table, r.Values)))
            {
                throw new PostgresException("new row violates check constraint", "ERROR", "ERROR", PostgresErrorCodes.CheckViolation);
            }

            await AppendAsync(session, append);
        }

        WatchIdle(session);
        return true;
    }

    /// <summary>Only a takeover fences: a node whose epochs are the latest knows what it has committed.</summary>
    public void CheckFenced(Session session, IEnumerable<TaskCommit> tasks)
    {
        foreach (var task in tasks.Where(t => _partitions[t.Changes.Partition].Epoch == t.Epoch))
        {
            _onViolation($"{session.Name} goes on with {task.Changes.Partition} at {task.ReadFrom}, where the same owner has committed {_partitions[task.Changes.Partition].NextOffset}");
        }
    }

    /// <summary>Merges rows that nodes share.</summary>
    /// <returns>What became of those with a changelog.</returns>
    public async Task<IReadOnlyList<MergedRows>> MergeAsync(Session session, IReadOnlyList<TableRows> merges)
    {
        var merged = new List<MergedRows>();
        session.Statements++;
        foreach (var merge in merges)
        {
            await PauseAsync(session);
            var rows = merge.Table.Windows is SessionWindows ? await MergeSessionsAsync(session, merge) : await MergeAsync(session, merge);
            if (merge.Table.ChangelogTopic is not null)
            {
                merged.Add(rows);
            }
        }

        WatchIdle(session);
        return merged;
    }

    /// <summary>The committed states of keys.</summary>
    public Task<List<byte[]?[]>> StatesAsync(IReadOnlyList<(string Table, IReadOnlyList<RowKey> Keys)> asked) =>
        Task.FromResult(asked.Select(a => a.Keys.Select(key => StateOf(_tables[a.Table], key)).ToArray()).ToList());

    public Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions) =>
        Task.FromResult<IReadOnlyDictionary<TopicPartition, long>>(partitions.Where(_partitions.ContainsKey).ToDictionary(p => p, _ => 0L));

    public Task CommitAsync(Session session)
    {
        session.ThrowIfEnded();
        Commit(session);
        return Task.CompletedTask;
    }

    /// <summary>Open requests to replay, a few at a time.</summary>
    public Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(IReadOnlyCollection<(TopicPartition Partition, long After)> partitions) =>
        Task.FromResult(Letters.Find(partitions, _simulator.Random.Next(1, 6)));

    /// <summary>Asks for replays of those letters of a partition that still wait then: numbers them in the order of their offsets.</summary>
    public async Task<int> RequestAsync(Session session, TopicPartition partition, IReadOnlyCollection<long> offsets)
    {
        await _locks.TakeAsync(session, RowOf(partition));
        var row = _partitions[partition];
        foreach (var offset in Letters.Waiting(partition).Where(offsets.Contains))
        {
            row = row with { LastReplay = row.LastReplay + 1 };
            session.Requests.Add((partition, offset, row.LastReplay));
        }

        session.Partitions[partition] = row;
        Commit(session);
        return session.Requests.Count;
    }

    /// <summary>Where partitions stand, and which of these replays are still asked for, once no transaction on them is open any more.</summary>
    public async Task<(Dictionary<TopicPartition, (long Epoch, long? NextOffset)> Partitions, bool AnyOpen)> ReadBackAsync(
        Session session, IReadOnlyList<TopicPartition> sorted, IReadOnlyList<ReplayMark> replays)
    {
        var rows = new Dictionary<TopicPartition, (long, long?)>();
        foreach (var partition in sorted)
        {
            await _locks.TakeAsync(session, RowOf(partition));
            if (_partitions.TryGetValue(partition, out var row))
            {
                rows.Add(partition, (row.Epoch, row.NextOffset));
            }
        }

        var anyOpen = replays.Any(Letters.IsOpen);
        Rollback(session);
        return (rows, anyOpen);
    }

    /// <summary>Ends a transaction without a trace; one that has ended stays as it did.</summary>
    public void Rollback(Session session)
    {
        if (!session.IsEnded)
        {
            End(session, committed: false);
        }
    }

    /// <summary>The server restarts at once: all transactions end.</summary>
    public void Restart()
    {
        _simulator.Trace.Add("postgres", "restarts");
        _open.ToList().ForEach(Rollback);
    }

    private static string RowOf(TopicPartition partition) => $"partition {partition}";

    private static byte[]? StateOf(Table table, RowKey key) =>
        table.Rows.TryGetValue(key, out var row) ? Encoding.UTF8.GetBytes((string)row[^1]!) : null;

    private bool IsRefused(TableSchema table, object?[] row)
    {
        var columns = table.Columns.Select(c => c.Name).ToList();
        return row.Contains(Visit.RefusedPath)
            && !Mended.Contains((new TopicPartition((string)row[columns.IndexOf("topic")]!, (int)row[columns.IndexOf("partition")]!), (long)row[columns.IndexOf("offset")]!));
    }

    private async Task FenceAsync(Session session, IReadOnlyList<Move> moves)
    {
        var fenced = new List<TopicPartition>();
        foreach (var move in moves)
        {
            await _locks.TakeAsync(session, RowOf(move.Partition));
            var row = _partitions.GetValueOrDefault(move.Partition);
            if (HasFence && (row is null || row.Epoch != move.Epoch || row.NextOffset != move.ReadFrom))
            {
                fenced.Add(move.Partition);
                continue;
            }

            session.Partitions[move.Partition] = row! with { NextOffset = move.NextOffset, StreamTime = move.StreamTime };
        }

        if (fenced.Count > 0)
        {
            Rollback(session);
            throw new FencedException(fenced);
        }
    }

    private async Task AppendAsync(Session session, TableRows append)
    {
        var table = _tables[append.Table.Name];
        foreach (var (key, values) in append.Rows)
        {
            await _locks.TakeAsync(session, $"{append.Table.Name} {key}");
            if (append.Table.Kind == TableKind.State)
            {
                session.Rows.Add((table, key, values[^1] is null ? null : values));
                continue;
            }

            if (table.Rows.ContainsKey(key))
            {
                _onViolation($"{session.Name} appends the row {key} to {append.Table.Name} a second time");
            }

            session.Rows.Add((table, key, values));
        }
    }

    private async Task<MergedRows> MergeAsync(Session session, TableRows merge)
    {
        var table = _tables[merge.Table.Name];
        var totals = new List<object?[]>();
        foreach (var (key, values) in merge.Rows)
        {
            await _locks.TakeAsync(session, $"{merge.Table.Name} {key}");
            var row = table.Merge(key, values);
            session.Rows.Add((table, key, row));
            totals.Add(row);
        }

        return new MergedRows(merge.Table, totals, []);
    }

    /// <summary>Groups are locked in one statement; the next sees what those have committed who held the locks before.</summary>
    private async Task<MergedRows> MergeSessionsAsync(Session session, TableRows merge)
    {
        var table = _tables[merge.Table.Name];
        var groups = merge.Rows.GroupBy(r => r.Key.WithoutLast(), r => r.Values).OrderBy(g => g.Key).ToList();
        foreach (var group in groups)
        {
            await _locks.TakeAsync(session, $"{merge.Table.Name} {group.Key}");
        }

        await PauseAsync(session);
        var merged = new MergedRows(merge.Table, [], []);
        foreach (var group in groups)
        {
            var (changed, gone) = SessionMerge.Merge(table.Schema, table.Rows.Where(r => r.Key.WithoutLast().Equals(group.Key)).Select(r => r.Value), group);
            session.Rows.AddRange(gone.Select(row => (table, table.KeyOf(row), (object?[]?)null)));
            session.Rows.AddRange(changed.Select(row => (table, table.KeyOf(row), (object?[]?)row)));
            merged.Changed.AddRange(changed);
            merged.Gone.AddRange(gone.Where(row => !changed.Any(c => table.KeyOf(c).Equals(table.KeyOf(row)))));
        }

        return merged;
    }

    /// <summary>Between two statements.</summary>
    private async Task PauseAsync(Session session)
    {
        await Task.Delay(_simulator.Some(TimeSpan.FromMilliseconds(3)), Process.Time);
        session.ThrowIfEnded();
    }

    private void WatchIdle(Session session)
    {
        var statements = ++session.Statements;
        _simulator.After(_limits.IdleTimeout, () =>
        {
            if (!session.IsEnded && session.Statements == statements)
            {
                _simulator.Trace.Add("postgres", $"{session.Name} was idle for too long: ended");
                Rollback(session);
            }
        });
    }

    private void Commit(Session session)
    {
        session.ThrowIfEnded();
        foreach (var (partition, row) in session.Partitions)
        {
            _partitions[partition] = row;
        }

        foreach (var (table, key, row) in session.Rows)
        {
            if (row is null)
            {
                table.Rows.Remove(key);
            }
            else
            {
                table.Rows[key] = row;
            }
        }

        foreach (var letter in session.DeadLetters.Where(l => !Letters.TryAdd(l)))
        {
            _onViolation($"{session.Name} writes the dead letter {letter.Partition}@{letter.Offset} a second time");
        }

        session.Replays.ForEach(Letters.Mark);
        session.Requests.ForEach(r => Letters.Request(r.Partition, r.Offset, r.Number));

        _simulator.Trace.Add("postgres", $"{session.Name} committed: {string.Join(", ", session.Partitions.Select(p => $"{p.Key} epoch {p.Value.Epoch} at {p.Value.NextOffset}"))}");
        End(session, committed: true);
    }

    private void End(Session session, bool committed)
    {
        session.End(committed);
        _open.Remove(session);
        _locks.ReleaseAll(session);
    }
}

/// <summary>The server's patience.</summary>
internal sealed record StoreLimits(TimeSpan LockTimeout, TimeSpan IdleTimeout);
