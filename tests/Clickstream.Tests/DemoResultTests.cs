using System.Text;
using System.Text.Json;
using Xunit;

namespace Clickstream.Tests;

public sealed class DemoResultTests
{
    private static readonly ClickstreamNames Names = new();

    private static readonly DemoResult Good = new()
    {
        Elapsed = TimeSpan.FromSeconds(10),
        ClicksSent = 10_000,
        ClicksFailed = 0,
        ErrorsSent = 1400,
        DeadErrors = 0,
        Late = 0,
        Tables = new TableCounts(Committed: 10_000, ErrorRows: 1400, CountRows: 300, Counted: 1400, DeadLetters: 0),
        TopicErrors = 1400,
        TopicDuplicates = 0,
        TopicCounted = 1400,
        LatencyMedian = TimeSpan.FromMilliseconds(41.26),
        Latency99 = TimeSpan.FromMilliseconds(191),
    };

    [Fact]
    public void everything_in_its_place_agrees()
    {
        Assert.True(Good.Agrees(Names));
        Assert.Equal(
            """
            10,000 clicks sent in 10.0 s (1,000/s), 1,400 of them errors.
            From Kafka to the commit: 41 ms (median), 191 ms (p99).

              clicks committed                       10,000  ok
              records in topic errors                 1,400  ok
              rows in table errors                    1,400  ok
              sum(n) in table error_counts            1,400  ok
              the same in topic error-counts          1,400  ok

            Everything agrees: nothing is missing, and nothing counts twice.
            """,
            Good.Text(Names),
            ignoreLineEndingDifferences: true);
    }

    public static TheoryData<int, string> Disagreements => new()
    {
        { 0, "clicks committed                        9,999  1 missing of 10,000" },
        { 1, "records in topic errors                 1,399  1 missing of 1,400" },
        { 2, "rows in table errors                    1,401  1 more than 1,400" },
        { 3, "sum(n) in table error_counts            2,800  1,400 more than 1,400" },
        { 4, "the same in topic error-counts              0  1,400 missing of 1,400" },
    };

    [Theory]
    [MemberData(nameof(Disagreements))]
    public void each_count_that_is_off_is_found_and_shown(int which, string line)
    {
        DemoResult[] bad =
        [
            Good with { Tables = Good.Tables with { Committed = 9999 } },
            Good with { TopicErrors = 1399 },
            Good with { Tables = Good.Tables with { ErrorRows = 1401 } },
            Good with { Tables = Good.Tables with { Counted = 2800 } },
            Good with { TopicCounted = 0 },
        ];
        Assert.False(bad[which].Agrees(Names));
        Assert.Single(bad[which].Comparisons(Names), c => !c.Agrees);
        Assert.Contains(line, bad[which].Text(Names), StringComparison.Ordinal);
        Assert.EndsWith("What was sent and what came out do not agree.", bad[which].Text(Names), StringComparison.Ordinal);
    }

    [Fact]
    public void dead_errors_are_in_no_other_place_and_late_ones_are_not_counted()
    {
        var result = Good with
        {
            DeadErrors = 10,
            Late = 5,
            TopicErrors = 1390,
            TopicCounted = 1385,
            Tables = Good.Tables with { ErrorRows = 1390, Counted = 1385, DeadLetters = 12 },
        };
        Assert.True(result.Agrees(Names));
        Assert.False((result with { DeadErrors = 9 }).Agrees(Names));
        Assert.False((result with { Late = 6 }).Agrees(Names));
    }

    [Fact]
    public void clicks_of_which_nobody_knows_make_everything_doubtful()
    {
        var result = Good with { ClicksFailed = 3 };
        Assert.False(result.Agrees(Names));
        Assert.EndsWith("3 clicks were not confirmed by Kafka, so what must be there is not known.", result.Text(Names), StringComparison.Ordinal);
    }

    [Fact]
    public void programs_get_the_same_as_json()
    {
        var json = JsonDocument.Parse(Good.Json(Names, failure: null, warnings: [])).RootElement;
        Assert.True(json.GetProperty("agrees").GetBoolean());
        Assert.Equal(10_000, json.GetProperty("clicks_sent").GetInt64());
        Assert.Equal(41.3, json.GetProperty("latency_p50_ms").GetDouble());
        var failed = JsonDocument.Parse(Good.Json(Names, "The node has stopped.", ["w"])).RootElement;
        Assert.False(failed.GetProperty("agrees").GetBoolean());
        Assert.Equal("w", failed.GetProperty("warnings")[0].GetString());
    }

    [Fact]
    public void an_origin_is_new_once()
    {
        var origins = new OriginSet();
        Assert.True(origins.Add("clicks-0@0"));
        Assert.False(origins.Add("clicks-0@0"));
        Assert.True(origins.Add("clicks-1@0"));
        Assert.True(origins.Add("clicks-0@1000000"));
        Assert.False(origins.Add("clicks-0@1000000"));
        Assert.True(origins.Add("clicks-0@999999"));
        Assert.Throws<FormatException>(() => origins.Add("clicks-0"));
    }

    [Theory]
    [InlineData("""{"path":"/","status":404}""", true)]
    [InlineData("""{"path":"/","status":399}""", false)]
    [InlineData("""{"nested":{"status":404},"status":200}""", false)]
    [InlineData("""{"path":"status","status":400}""", true)]
    [InlineData("""{"status":"404"}""", false)]
    [InlineData("""{"path":"/"}""", false)]
    [InlineData("""{"path":""", false)]
    public void errors_are_told_from_other_clicks(string click, bool isError) =>
        Assert.Equal(isError, DemoTraffic.IsError(Encoding.UTF8.GetBytes(click)));

    [Fact]
    public void a_rate_is_that_of_the_last_seconds()
    {
        var meter = new RateMeter(TimeSpan.FromSeconds(3));
        Assert.Equal(0, meter.PerSecond(TimeSpan.FromSeconds(10), 1000));
        Assert.Equal(500, meter.PerSecond(TimeSpan.FromSeconds(12), 2000));
        Assert.Equal(0, meter.PerSecond(TimeSpan.FromSeconds(20), 2000));
    }
}
