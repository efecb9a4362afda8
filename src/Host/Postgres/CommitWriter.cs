using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>
/// What one commit cycle writes, and in which order: the fence, rows appended, rows merged, dead letters. Partitions, tables
/// and keys are each taken in one fixed order, so that nodes cannot deadlock.
/// </summary>
/// <remarks>
/// Two round trips at most besides the copies: rows that nodes share (aggregates) are merged last, so that their locks are held for the
/// shortest time; without rows to append, the fence and everything else go in one batch.
/// </remarks>
internal sealed class CommitWriter : IDisposable
{
    private readonly Sql _sql;
    private readonly string _node;
    private readonly PostgresOptions _options;
    private readonly IReadOnlyList<TaskCommit> _tasks;
    private readonly List<(TableTarget Target, IReadOnlyList<RowBuffer> Rows)> _appends = [];
    private readonly List<UpsertWriter> _upserts = [];
    private readonly List<RowBuffer> _totals = [];

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

    /// <exception cref="FencedException">Another node took some of the partitions; roll back.</exception>
    public async Task WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var fence = new NpgsqlBatch(connection, transaction);
        fence.BatchCommands.Add(Limits.Command(_options));
        fence.BatchCommands.Add(Fence.Move(_sql, _tasks, _node));
        if (_appends.Count == 0)
        {
            AddMerges(fence);
        }

        FencedException? fenced = null;
        try
        {
            await using var answers = await fence.ExecuteReaderAsync(cancellation);
            await answers.NextResultAsync(cancellation);
            fenced = await Fence.CheckAsync(answers, _tasks, cancellation);
            if (fenced is null)
            {
                await answers.NextResultAsync(cancellation);
                await ReadTotalsAsync(_appends.Count == 0 ? _upserts : [], answers, cancellation);
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

        if (_appends.Count == 0)
        {
            return;
        }

        foreach (var (target, rows) in _appends)
        {
            await RowCopier.CopyAsync(connection, target.Copy, rows, cancellation);
        }

        await using var merges = new NpgsqlBatch(connection, transaction);
        AddMerges(merges);
        if (merges.BatchCommands.Count > 0)
        {
            await using var answers = await merges.ExecuteReaderAsync(cancellation);
            await ReadTotalsAsync(_upserts, answers, cancellation);
        }
    }

    public void Dispose()
    {
        foreach (var upsert in _upserts)
        {
            upsert.Dispose();
        }
    }

    private void AddRows(TableTarget target, IReadOnlyList<RowBuffer> ofTasks)
    {
        if (target.Table.Kind != TableKind.Append)
        {
            if (UpsertWriter.ForRows(target, ofTasks) is { } upsert)
            {
                _upserts.Add(upsert);
            }
        }
        else if (ofTasks.Any(r => r.Count > 0))
        {
            _appends.Add((target, ofTasks));
        }
    }

    private void AddAggregate(TableTarget target, IEnumerable<AggregateChanges> ofTasks)
    {
        RowBuffer? totals = null;
        if (target.Returns)
        {
            totals = new RowBuffer(target.Table, target.Table.Columns);
            _totals.Add(totals);
        }

        if (UpsertWriter.ForAggregate(target, ofTasks, totals) is { } upsert)
        {
            _upserts.Add(upsert);
        }
    }

    private void AddMerges(NpgsqlBatch batch)
    {
        var commands = _upserts.SelectMany(u => u.Commands())
            .Concat(DeadLetterWriter.Commands(_sql, _tasks.SelectMany(t => t.Changes.DeadLetters)));
        foreach (var command in commands)
        {
            batch.BatchCommands.Add(command);
        }
    }

    /// <summary>Answers come in the order of the statements; those without rows give none.</summary>
    private static async Task ReadTotalsAsync(IEnumerable<UpsertWriter> upserts, NpgsqlDataReader reader, CancellationToken cancellation)
    {
        foreach (var upsert in upserts.Where(u => u.Totals is not null))
        {
            for (var statement = 0; statement < upsert.StatementCount; statement++)
            {
                await TotalsReader.ReadAsync(reader, upsert.Totals!, cancellation);
                await reader.NextResultAsync(cancellation);
            }
        }

        // The failure of a statement without an answer of its own shows on the way past it.
        while (await reader.NextResultAsync(cancellation))
        {
        }
    }
}
