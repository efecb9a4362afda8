using Simulation.Tests.Scenario;

namespace Simulation.Tests;

/// <summary>Many seeds of whole applications under faults; <c>./dev simulate</c> runs more of them.</summary>
public sealed class SimulationTests(ITestOutputHelper output)
{
    private const int SeedCount = 500;

    [Fact]
    public void five_hundred_seeds_end_with_each_effect_exactly_once()
    {
        var failed = new List<Outcome>();
        long steps = 0;
        Parallel.For(0, SeedCount, new ParallelOptions { MaxDegreeOfParallelism = Environment.ProcessorCount }, (seed, loop) =>
        {
            var outcome = Seeds.Run(seed);
            Interlocked.Add(ref steps, outcome.Steps);
            if (outcome.Wrong is not null)
            {
                lock (failed)
                {
                    failed.Add(outcome);
                }

                loop.Stop();
            }
        });
        output.WriteLine($"{steps} steps");
        Assert.True(failed.Count == 0, failed.MinBy(f => f.Seed)?.Wrong);
    }

    [Fact]
    public void the_same_seed_gives_the_same_events()
    {
        for (var seed = 0; seed < 5; seed++)
        {
            var (first, second) = (Seeds.Run(seed), Seeds.Run(seed));
            Assert.Equal((first.Sum, first.Steps), (second.Sum, second.Steps));
        }
    }

    [Fact]
    public void another_seed_gives_other_events() => Assert.Equal(5, Enumerable.Range(0, 5).Select(seed => Seeds.Run(seed).Sum).Distinct().Count());
}
