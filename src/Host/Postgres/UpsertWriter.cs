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
    private readonly string _statement;
    private readonly int[] _order;
    private readonly int _rowsPerStatement;

    private UpsertWriter(TableTarget target, RowBuffer rows, bool owned, bool addUp)
    {
        Target = target;
        _rows = rows;
        _owned = owned;
        var order = rows.SortedByKey();
        var repeated = rows.Count - order.Length;
        _statement = addUp && repeated > 0 ? target.MergeAddedUp : target.Merge;
        _order = addUp && repeated > 0 ? WithRepeated(order, rows.Count) : order;
        _rowsPerStatement = (int)Math.Clamp(StatementBytes / Math.Max(1, rows.SizeBytes / rows.Count), 1, _order.Length);
    }

    public TableTarget Target { get; }

    /// <summary>The new totals, once the statements ran; <c>null</c> if the table has no changelog.</summary>
    public RowBuffer? Totals { get; init; }

    /// <summary>The last row of each key, over all tasks; <c>null</c> if there are no rows.</summary>
    public static UpsertWriter? ForRows(TableTarget target, IEnumerable<RowBuffer> ofTasks)
    {
        var filled = ofTasks.Where(r => r.Count > 0).ToList();
        switch (filled.Count)
        {
            case 0:
                return null;
            case 1:
                return new UpsertWriter(target, filled[0], owned: false, addUp: false);
            default:
                var all = new RowBuffer(target.Table);
                filled.ForEach(all.AppendAll);
                return new UpsertWriter(target, all, owned: true, addUp: false);
        }
    }

    /// <summary>The deltas of all tasks, added up; the tasks' own stay as they are. <c>null</c> if there are none.</summary>
    public static UpsertWriter? ForAggregate(TableTarget target, IEnumerable<AggregateChanges> ofTasks, RowBuffer? totals)
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

        // Keys that are one in PostgreSQL can be several in .NET: a class without equality of its own, times that differ by
        // less than a microsecond. Their deltas must add up, not take each other's place.
        return new UpsertWriter(target, sum.ToRows(), owned: true, addUp: true) { Totals = totals };
    }

    public int StatementCount => (_order.Length + _rowsPerStatement - 1) / _rowsPerStatement;

    /// <summary>The statements that write the rows, made anew with each call.</summary>
    public IEnumerable<NpgsqlBatchCommand> Commands()
    {
        for (var start = 0; start < _order.Length; start += _rowsPerStatement)
        {
            var rows = _order.AsMemory(start, Math.Min(_rowsPerStatement, _order.Length - start));
            var command = new NpgsqlBatchCommand(_statement);
            foreach (var column in _rows.Columns)
            {
                command.Parameters.Add(ArrayParameters.Of(column, rows.Span));
            }

            yield return command;
        }
    }

    public void Dispose()
    {
        if (_owned)
        {
            _rows.Dispose();
        }
    }

    /// <summary>Every row: first one of each key, in key order, then those that repeat a key.</summary>
    private static int[] WithRepeated(int[] order, int count)
    {
        var all = new int[count];
        order.CopyTo(all, 0);
        var placed = new bool[count];
        foreach (var row in order)
        {
            placed[row] = true;
        }

        var next = order.Length;
        for (var row = 0; row < count; row++)
        {
            if (!placed[row])
            {
                all[next++] = row;
            }
        }

        return all;
    }
}
