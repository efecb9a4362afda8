using Integration.Tests.Support;
using TestKit;

namespace Chaos.Tests;

/// <summary>One thing that must be so, and what is wrong about it; null if nothing is.</summary>
internal sealed record Finding(string What, string? Wrong);

/// <summary>Compares all that the job has written with a recount of its input, and says so for each table and topic.</summary>
internal static class Judge
{
    /// <summary>Readers wait behind the transaction of a dead node until the broker ends it.</summary>
    private static readonly TimeSpan _openTransactions = TimeSpan.FromMinutes(1);

    public static async Task<IReadOnlyList<Finding>> JudgeAsync(Job job, long written)
    {
        var input = await job.ReadAsync(job.Clicks);
        var bad = Traffic.BadOf(input);
        var recount = Recount.Of(input, bad);
        var findings = new List<Finding>
        {
            await FindAsync($"input: {written} records, each once", () => Same(written, input.Count, "records in the input")),
            await FindAsync($"tables errors ({recount.Errors.Count} rows) and error_counts ({recount.Counts.Count} rows)", () => Exactly.TablesAsync(job, recount)),
            await FindAsync($"table dead_letters ({bad.Count} rows)", () => DeadLettersAsync(job, bad)),
        };
        if (job.Kafka.IsReal)
        {
            findings.Add(await FindAsync(
                $"topic errors ({recount.Errors.Count} records, read_committed)", () => SoonAsync(() => Exactly.ErrorsTopicAsync(job, recount, onceOnly: true))));
            findings.Add(await FindAsync(
                $"topic error-counts (the last value of {recount.Counts.Count} keys, read_committed)", () => SoonAsync(() => Exactly.CountsTopicAsync(job, recount))));
        }

        return findings;
    }

    /// <summary>Runs a check that throws when something is wrong.</summary>
    public static async Task<Finding> FindAsync(string what, Func<Task> check)
    {
        try
        {
            await check();
            return new Finding(what, null);
        }
        catch (Exception e)
        {
            return new Finding(what, e.InnerException is { } inner ? $"{e.Message}\n{inner.Message}" : e.Message);
        }
    }

    private static Task SoonAsync(Func<Task> check) => Eventually.True(
        async () =>
        {
            await check();
            return true;
        },
        _openTransactions,
        "the topic is exact");

    private static async Task DeadLettersAsync(Job job, IReadOnlySet<(int Partition, long Offset)> bad) =>
        Exactly.Same(bad, (await job.DeadLettersAsync()).Select(l => (l.Partition, l.Offset)), "table dead_letters");

    private static Task Same(long expected, long actual, string what)
    {
        Assert.True(expected == actual, $"{what}: {expected} expected, {actual} there");
        return Task.CompletedTask;
    }
}
