using Npgsql;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>
/// Rows to merge into one table: those of all tasks, in key order. Made before the transaction begins, since adding up and
/// sorting need no locks held.
/// </summary>
internal sealed class UpsertWriter : IDisposable
{
    /// <summary>Rows go in statements of about this size, to bound what the server holds of one at a time.</summary>
    private const long StatementBytes = 8L * 1024 * 1024;

    private readonly RowBuffer _rows;
    private readonly bool _owned;
    private readonly int[] _order;
    private readonly int _rowsPerStatement;

    private UpsertWriter(TableTarget target, RowBuffer rows, bool owned)
    {
        Target = target;
        _rows = rows;
        _owned = owned;
        _order = rows.SortedByKey();
        _rowsPerStatement = (int)Math.Clamp(StatementBytes / Math.Max(1, rows.SizeBytes / rows.Count), 1, _order.Length);
    }

    public TableTarget Target { get; }

    /// <summary>The new totals, once the statements ran; <c>null</c> if the table has no changelog.</summary>
    public RowBuffer? Totals { get; init; }

    /// <summary>The keys of sessions that stand no more, once the statements ran; <c>null</c> without sessions or changelog.</summary>
    public RowBuffer? Gone { get; init; }

    /// <summary>The last row of each key, over all tasks; <c>null</c> if there are no rows.</summary>
    public static UpsertWriter? ForRows(TableTarget target, IEnumerable<RowBuffer> ofTasks)
    {
        var filled = ofTasks.Where(r => r.Count > 0).ToList();
        switch (filled.Count)
        {
            case 0:
                return null;
            case 1:
                return new UpsertWriter(target, filled[0], owned: false);
            default:
                var all = new RowBuffer(target.Table, filled[0].Columns.Select(c => c.Column));
                filled.ForEach(all.AppendAll);
                return new UpsertWriter(target, all, owned: true);
        }
    }

    /// <summary>The deltas of all tasks, added up; the tasks' own stay as they are. <c>null</c> if there are none.</summary>
    public static UpsertWriter? ForAggregate(TableTarget target, IEnumerable<AggregateChanges> ofTasks, RowBuffer? totals, RowBuffer? gone)
    {
        var filled = ofTasks.Where(c => c.Count > 0).ToList();
        if (filled.Count == 0)
        {
            return null;
        }

        var sum = filled[0];
        if (filled.Count > 1)
        {
            sum = filled[0].CreateEmpty();
            filled.ForEach(sum.MergeFrom);
        }

        var writer = new UpsertWriter(target, sum.ToRows(), owned: true) { Totals = totals, Gone = gone };
        return writer._order.Length == writer._rows.Count
            ? writer
            : throw new InvalidOperationException($"The deltas of {target.Table.Name} hold a key twice; writing one of its rows would drop the others.");
    }

    /// <summary>How many statements merge rows.</summary>
    public int StatementCount => (_order.Length + _rowsPerStatement - 1) / _rowsPerStatement;

    /// <summary>The statements that write the rows, made anew with each call.</summary>
    public IEnumerable<NpgsqlBatchCommand> Commands()
    {
        if (Target.Table.Sessions is not null)
        {
            yield return SessionLocks.Command(Target, _rows);
        }

        var order = _order;
        if (Target.Table.Kind == TableKind.State)
        {
            var state = _rows.Columns[^1];
            var gone = Array.FindAll(order, state.IsNull);
            if (gone.Length > 0)
            {
                yield return Command(Target.Delete, _rows.Columns.SkipLast(1), gone);
                order = Array.FindAll(order, row => !state.IsNull(row));
            }
        }

        for (var start = 0; start < order.Length; start += _rowsPerStatement)
        {
            yield return Command(Target.Merge, _rows.Columns, order.AsSpan(start, Math.Min(_rowsPerStatement, order.Length - start)));
        }
    }

    private static NpgsqlBatchCommand Command(string statement, IEnumerable<ColumnBuffer> columns, ReadOnlySpan<int> rows)
    {
        var command = new NpgsqlBatchCommand(statement);
        foreach (var column in columns)
        {
            command.Parameters.Add(ArrayParameters.Of(column, rows));
        }

        return command;
    }

    public void Dispose()
    {
        if (_owned)
        {
            _rows.Dispose();
        }
    }
}
