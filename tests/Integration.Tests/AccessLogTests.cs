using System.Globalization;
using System.Text.Json;
using System.Text.RegularExpressions;
using Integration.Tests.Support;
using TestKit;

namespace Integration.Tests;

/// <summary>Ten thousand lines of a real server's log, with event times of years ago.</summary>
public sealed partial class AccessLogTests(TestKafka kafka, TestPostgres postgres)
{
    private const int Lines = 10_000;
    private static readonly string _log = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "data", "apache_access.log"));

    [Theory]
    [InlineData(1)]
    [InlineData(4)]
    [InlineData(12)]
    public async Task a_real_log_gives_the_same_exact_results_whatever_the_number_of_partitions(int partitions)
    {
        Assert.SkipUnless(File.Exists(_log), "The access log, shared/data/apache_access.log beside the repository, is not there.");
        await using var job = await Job.CreateAsync(kafka, postgres, kafka.IsReal ? 0 : partitions);
        await ProduceAsync(job, partitions);
        await using var node = await job.StartReadyAsync();
        await job.WaitUntilCommittedAsync(Lines);

        var errors = ErrorsOfLog();
        Assert.Equal(
            new Dictionary<int, int> { [404] = 213, [403] = 2, [416] = 2, [500] = 3 }.OrderBy(s => s.Key),
            errors.CountBy(e => e.Status).OrderBy(s => s.Key));
        Exactly.Same(errors.CountBy(e => e).Select(c => c.Key with { N = c.Value }), await job.CountRowsAsync(), "error_counts against the log");
        Assert.Equal(220, (await job.ErrorRowsAsync()).Count);
        Assert.Equal(220, (await job.ReadAsync(job.Errors)).Count);
        await Exactly.AllAsync(job);
        Assert.Equal(partitions, (await job.NextOffsetsAsync()).Count);
        Assert.Equal(0, await node.MetricAsync("streams_records_late_total"));
        Assert.Empty(await job.DeadLettersAsync());
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    private static async Task ProduceAsync(Job job, int partitions)
    {
        await using var produce = NodeProcess.Start(Node.Program,
        [
            "produce", _log, "--topic", job.Clicks, "--partitions", partitions.ToString(CultureInfo.InvariantCulture),
            "--bootstrap-servers", job.Kafka.BootstrapServers, "-o", "json",
        ]);
        Assert.True(await produce.WaitForExitAsync(Patience.Long) == 0, produce.Output);
        using var summary = JsonDocument.Parse(produce.Lines.Single(line => line.StartsWith('{')));
        Assert.Equal(Lines, summary.RootElement.GetProperty("sent").GetInt32());
    }

    /// <summary>The errors as the log has them, by minute; each counts one.</summary>
    private static IReadOnlyList<CountRow> ErrorsOfLog() =>
    [
        .. from line in File.ReadLines(_log)
           let parts = LogLine().Match(line)
           where parts.Success
           let time = DateTimeOffset.ParseExact(parts.Groups["minute"].Value + " " + parts.Groups["zone"].Value, "dd/MMM/yyyy:HH:mm zzz", CultureInfo.InvariantCulture)
           select new CountRow(time.UtcDateTime, parts.Groups["path"].Value, int.Parse(parts.Groups["status"].Value, CultureInfo.InvariantCulture), 1),
    ];

    [GeneratedRegex("""\[(?<minute>[^\]]{17}):\d\d (?<zone>[+-]\d{4})\] "[A-Z]+ (?<path>[^ ?]+)\S* HTTP/[\d.]+" (?<status>[45]\d\d) """)]
    private static partial Regex LogLine();
}
