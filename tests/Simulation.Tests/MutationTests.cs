using Simulation.Tests.Scenario;
using Streams.Hosting;

namespace Simulation.Tests;

/// <summary>What exactly once rests on, left out one thing at a time: the simulation has to notice.</summary>
public sealed class MutationTests
{
    private const int SeedCount = 200;

    [Fact]
    public void without_the_fence_a_stale_node_is_noticed() => Notices(() => Mutations.NoFence, "");

    [Fact]
    public void without_the_mute_records_that_are_sent_twice_are_noticed() => Notices(() => Mutations.NoMute, "The records forwarded to errors: missing nothing; too much ");

    [Fact]
    public void without_the_mute_of_replays_what_they_forward_twice_is_noticed() =>
        Notices(() => Mutations.NoReplayMute, "The records forwarded to errors: missing nothing; too much ");

    [Fact]
    public void a_store_that_commits_before_the_log_is_noticed() => Notices(Mutations.StoreFirst, "The records forwarded to errors: missing visits-");

    [Fact]
    public void an_unknown_commit_taken_for_done_is_noticed() => Notices(() => Mutations.UnknownIs(committed: true), "");

    [Fact]
    public void an_unknown_commit_taken_for_failed_is_noticed() => Notices(() => Mutations.UnknownIs(committed: false), "");

    /// <summary>One of the seeds fails, and says what is wrong and how to see it again.</summary>
    private static void Notices(Func<Wiring> wiring, string what)
    {
        var outcome = Enumerable.Range(0, SeedCount).Select(seed => Seeds.Run(seed, wiring(), Guarantee.ExactlyOnce))
            .FirstOrDefault(o => o.Wrong?.StartsWith($"Seed {o.Seed}: {what}", StringComparison.Ordinal) == true);
        Assert.True(outcome is not null, $"None of {SeedCount} seeds noticed.");
        Assert.Contains($"./dev simulate --seed {outcome.Seed}", outcome.Wrong, StringComparison.Ordinal);
    }
}
