using System.Globalization;
using TestKit;

namespace Chaos.Tests;

/// <summary>The short version of <c>./dev chaos</c>.</summary>
public sealed class ChaosTests(ITestOutputHelper output)
{
    [Fact]
    public async Task nodes_and_servers_that_die_at_any_moment_lose_nothing_and_count_nothing_twice()
    {
        Assert.SkipUnless(TestKafka.CanStartReal, "Chaos takes a real Kafka, by STREAMS_TEST_KAFKA_SCRIPT; the embedded one fences nobody.");
        var seed = int.TryParse(Environment.GetEnvironmentVariable("STREAMS_CHAOS_SEED"), CultureInfo.InvariantCulture, out var given)
            ? given
            : Random.Shared.Next(1_000_000);
        var options = new ChaosOptions { Events = 40_000, Duration = TimeSpan.FromSeconds(75), Seed = seed };
        var report = await ChaosRun.RunAsync(options, output.WriteLine);
        output.WriteLine(report.ToString());
        Assert.True(report.Wrong.Count == 0, $"STREAMS_CHAOS_SEED={seed}\n{report}");
        Assert.Equal(4, report.Disturbances["kill -9"]);
    }
}
