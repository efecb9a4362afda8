using Chaos.Tests.Disturbances;

namespace Chaos.Tests;

/// <summary>What a schedule is to have, it has, whatever its seed.</summary>
public sealed class ScheduleTests
{
    private const int Seeds = 100;

    [Theory]
    [InlineData(60, 1)]
    [InlineData(75, 0)]
    [InlineData(75, 1)]
    [InlineData(75, 3)]
    [InlineData(180, 1)]
    [InlineData(240, 1)]
    [InlineData(660, 3)]
    public void every_seed_has_the_same_number_of_each_disturbance(int seconds, int brokers)
    {
        var isLong = seconds >= 240;
        var minutes = seconds / 60;
        for (var seed = 0; seed < Seeds; seed++)
        {
            var steps = Make(seed, seconds, brokers);
            var fewer = isLong ? Math.Max(4, minutes / 2) : 1;
            Assert.Equal((seed, 1 + (isLong ? Math.Max(20, 2 * minutes) : 3)), (seed, steps.Count(s => s.Disturbance is KillNode)));
            Assert.Equal((seed, fewer), (seed, steps.Count(s => s.Disturbance is FreezeNode)));
            Assert.Equal((seed, fewer), (seed, steps.Count(s => s.Disturbance is RestartPostgres)));
            Assert.Equal((seed, isLong ? Math.Max(3, minutes / 3) : 0), (seed, steps.Count(s => s.Disturbance is RestartNode)));
            Assert.Equal((seed, brokers > 0 ? fewer : 0), (seed, steps.Count(s => s.Disturbance is KillBroker)));
            Assert.Equal((seed, brokers > 0 ? fewer : 0), (seed, steps.Count(s => s.Disturbance is PauseBroker)));
        }
    }

    [Theory]
    [InlineData(75, 1)]
    [InlineData(660, 3)]
    public void one_victim_at_a_time_and_one_node_is_left_alone(int seconds, int brokers)
    {
        for (var seed = 0; seed < Seeds; seed++)
        {
            var steps = Make(seed, seconds, brokers);
            foreach (var step in steps.Where(s => s.Disturbance is not ChangeMembers))
            {
                var atOnce = steps.Where(s => s.At <= step.At && step.At <= s.Until).ToList();
                Assert.True(atOnce.Count(s => s.Disturbance.Victim == step.Disturbance.Victim) == 1, $"seed {seed}: {step}");
                Assert.True(atOnce.Count(s => s.Disturbance is KillNode or FreezeNode or RestartNode) < ChaosOptions.Nodes, $"seed {seed}: {step}");
            }
        }
    }

    private static IReadOnlyList<Step> Make(int seed, int seconds, int brokers) =>
        Schedule.Make(new ChaosOptions { Events = 1, Duration = TimeSpan.FromSeconds(seconds), Seed = seed }, brokers);
}
