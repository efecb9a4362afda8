using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>
/// What one commit cycle writes, and in which order: the fence, dead letters, states, rows appended, rows merged. Partitions, tables
/// and keys are each taken in one fixed order, so that nodes cannot deadlock.
/// </summary>
/// <remarks>
/// Two round trips at most besides the copies: rows that nodes share are merged last, so that their locks are held for the
/// shortest time.
/// </remarks>
internal sealed class CommitWriter : IDisposable
{
    private readonly Sql _sql;
    private readonly string _node;
    private readonly PostgresOptions _options;
    private readonly IReadOnlyList<TaskCommit> _tasks;
    private readonly List<(TableTarget Target, IReadOnlyList<RowBuffer> Rows)> _appends = [];
    private readonly List<UpsertWriter> _states = [];
    private readonly List<UpsertWriter> _upserts = [];
    private readonly List<RowBuffer> _totals = [];
    private readonly List<RowBuffer> _gone = [];

    public CommitWriter(Sql sql, TableTargets targets, string node, PostgresOptions options, IReadOnlyList<TaskCommit> tasks)
    {
        _sql = sql;
        _node = node;
        _options = options;
        _tasks = [.. tasks.OrderBy(t => t.Changes.Partition)];
        for (var slot = 0; slot < targets.Rows.Count; slot++)
        {
            AddRows(targets.Rows[slot], [.. _tasks.Select(t => t.Changes.Rows[slot])]);
        }

        for (var slot = 0; slot < targets.Aggregates.Count; slot++)
        {
            AddAggregate(targets.Aggregates[slot], _tasks.Select(t => t.Changes.Aggregates[slot]));
        }

        _appends.Sort((a, b) => a.Target.CompareTo(b.Target));
        _upserts.Sort((a, b) => a.Target.CompareTo(b.Target));
    }

    /// <summary>One buffer per aggregate with a changelog, in the order of the change sets' slots. The caller's to dispose.</summary>
    public IReadOnlyList<RowBuffer> Totals => _totals;

    /// <summary>The keys of sessions that stand no more, one buffer per aggregate of sessions with a changelog. The caller's to dispose.</summary>
    public IReadOnlyList<RowBuffer> Gone => _gone;

    /// <exception cref="FencedException">Another node took some of the partitions; roll back.</exception>
    public async Task WriteAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation)
    {
        await FenceAsync(connection, transaction, cancellation);
        foreach (var (target, rows) in _appends)
        {
            await RowCopier.CopyAsync(connection, target.Copy, rows, cancellation);
        }

        if (_upserts.Count > 0)
        {
            await beforeMerge(cancellation);
            await MergeAsync(connection, transaction, cancellation);
        }
    }

    public void Dispose()
    {
        foreach (var upsert in _states.Concat(_upserts))
        {
            upsert.Dispose();
        }
    }

    /// <summary>The first round trip: the limits, the fence, and what nobody else writes, once the fence holds: dead letters, states.</summary>
    private async Task FenceAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(Limits.Command(_options));
        batch.BatchCommands.Add(Fence.Move(_sql, _tasks, _node));
        var letters = DeadLetterWriter.Commands(_sql, _tasks.SelectMany(t => t.Changes.DeadLetters));
        foreach (var command in letters.Concat(ReplayStatements.Mark(_sql, _tasks)).Concat(_states.SelectMany(s => s.Commands())))
        {
            batch.BatchCommands.Add(command);
        }

        FencedException? fenced = null;
        try
        {
            await using var answers = await batch.ExecuteReaderAsync(cancellation);
            await answers.NextResultAsync(cancellation);
            fenced = await Fence.CheckAsync(answers, _tasks, cancellation);
            if (fenced is null)
            {
                await PassAsync(answers, cancellation);
            }
        }
        catch (Exception) when (fenced is not null)
        {
            // Closing the answers passes the rest of the batch by, and what fails there is of no interest any more.
        }

        if (fenced is not null)
        {
            throw fenced;
        }
    }

    private void AddRows(TableTarget target, IReadOnlyList<RowBuffer> ofTasks)
    {
        if (target.Table.Kind != TableKind.Append)
        {
            if (UpsertWriter.ForRows(target, ofTasks) is { } upsert)
            {
                (target.Table.Kind == TableKind.State ? _states : _upserts).Add(upsert);
            }
        }
        else if (ofTasks.Any(r => r.Count > 0))
        {
            _appends.Add((target, ofTasks));
        }
    }

    private void AddAggregate(TableTarget target, IEnumerable<AggregateChanges> ofTasks)
    {
        var totals = target.Returns ? Added(_totals, target.Table, target.Table.Columns) : null;
        var gone = target is { Returns: true, Table.Sessions: not null } ? Added(_gone, target.Table, target.Table.KeyColumns) : null;
        if (UpsertWriter.ForAggregate(target, ofTasks, totals, gone) is { } upsert)
        {
            _upserts.Add(upsert);
        }
    }

    private static RowBuffer Added(List<RowBuffer> buffers, TableSchema table, IEnumerable<Column> columns)
    {
        buffers.Add(new RowBuffer(table, columns));
        return buffers[^1];
    }

    /// <summary>The second round trip. Answers come in the order of the statements; those without rows give none.</summary>
    private async Task MergeAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var command in _upserts.SelectMany(u => u.Commands()))
        {
            batch.BatchCommands.Add(command);
        }

        await using var answers = await batch.ExecuteReaderAsync(cancellation);
        foreach (var upsert in _upserts.Where(u => u.Totals is not null))
        {
            for (var statement = 0; statement < upsert.StatementCount; statement++)
            {
                await TotalsReader.ReadAsync(answers, upsert.Totals!, upsert.Gone, cancellation);
                await answers.NextResultAsync(cancellation);
            }
        }

        await PassAsync(answers, cancellation);
    }

    /// <summary>The failure of a statement without an answer of its own shows on the way past it.</summary>
    private static async Task PassAsync(NpgsqlDataReader answers, CancellationToken cancellation)
    {
        while (await answers.NextResultAsync(cancellation))
        {
        }
    }
}
