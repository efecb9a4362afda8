using Streams.Hosting.Runtime;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Streams.Hosting.Tests.Runtime;

public sealed class IsolationTests
{
    /// <summary>Works records off as a task and the committer do, against a store that refuses cycles with certain records.</summary>
    private static (List<long> Rejected, int Cycles) Run(long records, params long[] poison)
    {
        Isolation? isolation = null;
        long committed = 0;
        var cycles = 0;
        while (committed < records)
        {
            cycles++;
            var next = Math.Min(records, committed + Math.Min(isolation?.Step ?? records, records));
            if (!poison.Any(p => p >= committed && p < next && isolation?.Rejected.ContainsKey(p) != true))
            {
                committed = next;
                if (isolation?.Committed(next) == true)
                {
                    break;
                }

                continue;
            }

            isolation ??= new Isolation();
            using var changes = new ChangeSet(new("clickstream", 0), [], [], []) { Records = next - committed, LastOffset = next - 1, NextOffset = next };
            Assert.True(isolation.Refused(changes, "refused"));
        }

        return ([.. isolation?.Rejected.Keys.Order() ?? Enumerable.Empty<long>()], cycles);
    }

    [Theory]
    [InlineData(1, 0)]
    [InlineData(2, 1)]
    [InlineData(1000, 0)]
    [InlineData(1000, 999)]
    [InlineData(100_000, 54_321)]
    public void one_culprit_is_found_in_about_two_cycles_per_halving(long records, long culprit)
    {
        var (rejected, cycles) = Run(records, culprit);
        Assert.Equal([culprit], rejected);
        Assert.InRange(cycles, 1, (4 * Math.Log2(records)) + 4);
    }

    [Fact]
    public void every_culprit_is_found_and_nothing_else()
    {
        var random = new Random(7);
        for (var run = 0; run < 200; run++)
        {
            var records = random.Next(1, 3000);
            long[] culprits = [.. Enumerable.Range(0, random.Next(1, 8)).Select(_ => (long)random.Next(records)).Distinct().Order()];
            Assert.Equal(culprits, Run(records, culprits).Rejected);
        }
    }

    [Fact]
    public void a_dead_letter_that_is_refused_itself_cannot_be_isolated()
    {
        var isolation = new Isolation();
        using var changes = new ChangeSet(new("clickstream", 0), [], [], []) { Records = 1, LastOffset = 7, NextOffset = 8 };
        Assert.True(isolation.Refused(changes, "the row"));
        Assert.False(isolation.Refused(changes, "the dead letter"));
        Assert.Equal([KeyValuePair.Create(7L, "the row")], isolation.Rejected);
    }

    [Fact]
    public void the_culprit_is_named_by_its_own_offset_where_the_log_has_gaps()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8).To("out");
        TopicPartition partition = new("in", 0);
        using var task = new StreamTask(new TaskLayout(builder.Build()), partition, new TaskOptions(), 10, null);
        LogRecord[] records = [.. new long[] { 10, 15, 16 }.Select(offset => new LogRecord(offset, null, "x"u8.ToArray(), 0, []))];
        using var batch = new MemoryRecordBatch(partition, records, nextOffset: 20);
        var isolation = new Isolation();
        for (var i = 0; i < batch.Count; i++)
        {
            task.Process(new BatchSlice(batch, i, 1, owns: false), DateTime.UnixEpoch);
            using var changes = task.TakeChanges();
            Assert.True(isolation.Refused(changes, "refused"));
        }

        Assert.Equal([10L, 15L, 16L], isolation.Rejected.Keys.Order());
    }

    [Fact]
    public void replays_go_together_again_once_the_culprit_is_known()
    {
        var isolation = new ReplayIsolation();
        using var changes = new ChangeSet(new("clickstream", 0), [], [], []);
        changes.Replays.AddRange([new(5, 1, null), new(6, 2, null)]);
        Assert.True(isolation.Refused(changes, "one of both"));
        Assert.True(isolation.IsOn);

        changes.Replays.RemoveAt(1);
        Assert.True(isolation.Refused(changes, "this one"));
        Assert.False(isolation.IsOn);
        Assert.Equal("this one", isolation.Rejection(1));
        Assert.Null(isolation.Rejection(2));
        Assert.False(isolation.Refused(changes, "its failure"));
    }

    [Theory]
    [InlineData(700, 1000, 1000)]
    [InlineData(1200, 1000, 1200)]
    public void the_group_never_goes_back_behind_what_is_sent(long next, long sent, long told)
    {
        using var changes = new ChangeSet(new("clickstream", 0), [], [], []) { NextOffset = next };
        Assert.Equal(told, new TaskCommit(changes, Epoch: 1, ReadFrom: 500) { SentUpTo = sent }.Position.NextOffset);
    }
}
