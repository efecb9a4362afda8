using System.Reflection;
using System.Text.Json;
using TestKit;

namespace Bench.Tests;

/// <summary>
/// The benchmarks run, with little to do: that they end, that their outputs are right (which they check themselves) and that their JSON
/// says what it should. How fast they are is not for a test to judge.
/// </summary>
public sealed class SmokeTests
{
    private static readonly string[] _throughput =
        ["limit", "filter-to-topic", "filter-to-table", "copy-limit", "main-exactly-once", "main-at-least-once", "main-plain-classes", "sessions", "fold", "repartition"];

    private static readonly string[] _live = ["live-20k", "latency-10k-20ms", "latency-50k-1000ms", "startup"];

    // Left out with the embedded Kafka.
    private static readonly string[] _takeover = ["takeover-5m"];

    private static readonly TimeSpan _patience = TimeSpan.FromMinutes(8);

    private static string Program { get; } = typeof(SmokeTests).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "Bench").Value!;

    [Fact]
    public async Task every_kind_of_benchmark_runs_and_its_outputs_are_right()
    {
        using var json = JsonDocument.Parse(await RunAsync(
            "--events", "20000", "--seconds", "1", "--state-rows", "1000", "--only", string.Join(',', [.. _throughput, .. _live, .. _takeover])));
        var results = json.RootElement.EnumerateArray().ToDictionary(result => result.GetProperty("name").GetString()!);
        var isEmbedded = results["limit"].GetProperty("kafka").GetString() == "embedded";

        Assert.Equal([.. _throughput, .. _live, .. isEmbedded ? [] : _takeover], results.Keys);
        Assert.All(_throughput, name =>
        {
            Assert.InRange(Number(results[name], "events_per_s"), 1, double.MaxValue);
            Assert.InRange(Number(results[name], "cpu_us_per_event"), 0.001, double.MaxValue);
            Assert.InRange(Number(results[name], "bytes_per_event"), 0, double.MaxValue);
            Assert.InRange(Number(results[name], "peak_rss_mb"), 1, double.MaxValue);
        });
        Assert.All(_throughput.Except(["copy-limit"]), name => Assert.InRange(Number(results[name], "ratio_to_limit"), 0.000001, double.MaxValue));
        Assert.Equal(1, Number(results["limit"], "ratio_to_limit"));
        Assert.InRange(Number(results["copy-limit"], "filter_to_table_ratio"), 0.000001, double.MaxValue);
        Assert.InRange(Number(results["live-20k"], "core_share"), 0.0001, 64);
        Assert.All(["latency-10k-20ms", "latency-50k-1000ms"], name =>
        {
            Assert.InRange(Number(results[name], "p50_ms"), 0.001, Number(results[name], "p99_ms"));
            Assert.InRange(Number(results[name], "p99_ms"), 0.001, Number(results[name], "p999_ms"));
            Assert.InRange(Number(results[name], "clicks"), 1000, double.MaxValue);
        });
        Assert.InRange(Number(results["startup"], "ready_ms"), 1, double.MaxValue);
        if (isEmbedded)
        {
            return;
        }

        Assert.InRange(Number(results["takeover-5m"], "after_assignment_ms"), 0, Number(results["takeover-5m"], "takeover_ms"));
        Assert.Equal(1000, Number(results["takeover-5m"], "state_rows"));
    }

    [Fact]
    public async Task every_micro_benchmark_runs()
    {
        await using var bench = NodeProcess.Start(Program, ["micro", "--dry"]);

        Assert.True(await bench.WaitForExitAsync(_patience) == 0, bench.Output);
        Assert.All(
            ["ClickCodecDecode", "FastJsonDecode", "PerRecord", "WindowStartAndLateness", "MergeDeltasOfThousandClicks", "EncodeRowForCopy", "AddRecordToOutput"],
            name => Assert.Contains(bench.Lines, line => line.StartsWith("| ", StringComparison.Ordinal) && line.Contains(name, StringComparison.Ordinal)));
    }

    [Fact]
    public async Task a_benchmark_that_does_not_exist_is_refused_with_the_names_of_those_that_do()
    {
        await using var bench = NodeProcess.Start(Program, ["--only", "limit,sorting"]);

        Assert.Equal(1, await bench.WaitForExitAsync(_patience));
        Assert.Contains("There is no benchmark sorting. There are: limit, filter-to-topic, filter-to-table, copy-limit,", bench.Output, StringComparison.Ordinal);
    }

    private static async Task<string> RunAsync(params string[] arguments)
    {
        var file = Path.Combine(Path.GetTempPath(), $"streams-bench-{Guid.NewGuid():N}.json");
        try
        {
            await using var bench = NodeProcess.Start(Program, [.. arguments, "--json", file]);
            Assert.True(await bench.WaitForExitAsync(_patience) == 0, bench.Output);
            return await File.ReadAllTextAsync(file, TestContext.Current.CancellationToken);
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static double Number(JsonElement result, string name) => result.GetProperty(name).GetDouble();
}
