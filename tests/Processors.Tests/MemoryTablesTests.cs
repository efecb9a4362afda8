using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

public sealed class MemoryTablesTests
{
    private static readonly Column Add = new("c", ColumnType.BigInt, Merge: MergeRule.Add);
    private static readonly Column Least = new("c", ColumnType.Double, true, MergeRule.Least);
    private static readonly Column Greatest = new("c", ColumnType.Double, true, MergeRule.Greatest);

    private static EngineRun Run()
    {
        var builder = new StreamBuilder();
        var readings = builder.Stream("in", Codecs.Utf8, new ReadingCodec());
        readings.ToTable("rows", t => t.Column("number", r => r.Number));
        readings.ToTable("latest", t => t.Key("grp", r => r.Group).Column("number", r => r.Number));
        readings.GroupBy(r => r.Group, "grp").Count("n").ToTable("counts").ToTopic("changes");
        readings.GroupBy(r => r.Group, "grp").Count("n").ToTable("silent");
        return new EngineRun(builder.Build());
    }

    private static ChangeSet Changes(EngineRun run, params IReadOnlyList<LogRecord> records)
    {
        run.Process(records);
        return run.Task.TakeChanges();
    }

    [Fact]
    public void what_is_not_committed_does_not_show_and_is_gone_when_rolled_back()
    {
        using var run = Run();
        using var changes = Changes(run, EngineRun.Record(0, "k", "a|1"), EngineRun.Record(1, "k", "junk"));
        using (var transaction = run.Tables.Begin([changes]))
        {
            Assert.Equal("a", transaction.Totals[0].Columns[0].ValueAt(0));
            Assert.Empty(run.Rows("rows"));
            Assert.Empty(run.DeadLetters);
        }

        Assert.Empty(run.Rows("rows"));
        Assert.Empty(run.Rows("latest"));
        Assert.Empty(run.Rows("counts"));
        Assert.Empty(run.DeadLetters);
        run.Tables.Apply(changes);
        Assert.Single(run.Rows("rows"));
        Assert.Equal(["a 1"], run.Rows("latest"));
        Assert.Equal(["a 1"], run.Rows("counts"));
        Assert.Single(run.DeadLetters);
    }

    [Fact]
    public void totals_are_of_the_changed_rows_of_aggregates_with_a_changelog()
    {
        using var run = Run();
        run.Tables.Apply(Changes(run, EngineRun.Record(0, "k", "a|1"), EngineRun.Record(1, "k", "b|1")));
        using var transaction = run.Tables.Begin([Changes(run, EngineRun.Record(2, "k", "b|1"), EngineRun.Record(3, "k", "c|1"))]);
        var totals = Assert.Single(transaction.Totals);
        Assert.Equal("counts", totals.Table.Name);
        Assert.Equal([("b", 2L), ("c", 1L)], Enumerable.Range(0, totals.Count).Select(row => ((string)totals.Columns[0].ValueAt(row)!, (long)totals.Columns[1].ValueAt(row)!)));
    }

    [Fact]
    public void a_row_or_dead_letter_cannot_come_twice_and_nothing_of_that_commit_stays()
    {
        using var run = Run();
        using var changes = Changes(run, EngineRun.Record(0, "k", "a|1"));
        run.Tables.Apply(changes);
        Assert.Equal("Table rows: the row (in, 0, 0) is appended a second time.", Assert.Throws<InvalidOperationException>(() => run.Tables.Apply(changes)).Message);
        Assert.Equal(["a 1"], run.Rows("counts"));

        using var letters = Changes(run, EngineRun.Record(1, "k", "junk"));
        run.Tables.Apply(letters);
        Assert.Equal("The dead letter in-0@1 is written a second time.", Assert.Throws<InvalidOperationException>(() => run.Tables.Apply(letters)).Message);
    }

    [Fact]
    public void one_transaction_is_open_at_a_time()
    {
        using var run = Run();
        using var changes = Changes(run, EngineRun.Record(0, "k", "a|1"));
        using var open = run.Tables.Begin([changes]);
        Assert.Equal("Another transaction is open; commit or dispose it first.", Assert.Throws<InvalidOperationException>(() => run.Tables.Begin([])).Message);
        open.Commit();
        Assert.Equal("This transaction is over.", Assert.Throws<InvalidOperationException>(open.Commit).Message);
    }

    [Fact]
    public void columns_merge_as_postgres_merges_them()
    {
        Assert.Equal(5L, MergeRules.Merge(Add, 2L, 3L));
        Assert.Null(MergeRules.Merge(Add, null, 3L));
        Assert.Equal(3.5m, MergeRules.Merge(Add, 2m, 1.5m));
        Assert.Throws<OverflowException>(() => MergeRules.Merge(Add, long.MaxValue, 1L));
        Assert.Throws<OverflowException>(() => MergeRules.Merge(Add, double.MaxValue, double.MaxValue));
        Assert.Equal(double.PositiveInfinity, MergeRules.Merge(Add, double.PositiveInfinity, double.MaxValue));

        Assert.Equal(1.0, MergeRules.Merge(Least, 1.0, 2.0));
        Assert.Equal(1.0, MergeRules.Merge(Least, double.NaN, 1.0));
        Assert.Equal(1.0, MergeRules.Merge(Least, null, 1.0));
        Assert.Equal(2.0, MergeRules.Merge(Greatest, 1.0, 2.0));
        Assert.Equal(double.NaN, MergeRules.Merge(Greatest, 1.0, double.NaN));
        Assert.Equal(1.0, MergeRules.Merge(Greatest, 1.0, null));

        Assert.Equal(0.5, MergeRules.Quotient(1.0, 2L));
        Assert.Null(MergeRules.Quotient(1.0, 0L));
        Assert.Null(MergeRules.Quotient(null, 1L));
    }
}
