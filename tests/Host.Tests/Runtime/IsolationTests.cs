using Streams.Hosting.Runtime;
using Streams.Processors;

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
}
