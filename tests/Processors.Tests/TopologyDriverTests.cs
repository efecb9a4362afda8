using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

public sealed class TopologyDriverTests
{
    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private sealed record Click(string Path, int Status);

    private readonly record struct ErrorKey(string Path, int Status);

    private sealed record ErrorRow(string Topic, int Partition, long Offset, DateTimeOffset Time, string Path, int Status, string Click);

    private sealed record CountRow(DateTime WindowStart, string Path, int Status, long N);

    private static Topology Clickstream()
    {
        var builder = new StreamBuilder();
        var errors = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Click>()).Filter(click => click.Status >= 400);
        errors.To("errors");
        errors.ToTable("errors", table => table.WithRawValue("click"));
        errors.GroupBy(click => new ErrorKey(click.Path, click.Status))
            .WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1)))
            .Count("n").ToTable("error_counts").ToTopic("error-counts");
        return builder.Build();
    }

    private static void Pipe(TopologyDriver driver, string path, int status, int second = 0) =>
        driver.Pipe("clickstream", Codecs.Utf8, Codecs.Utf8, "192.0.2.1", $$"""{"path":"{{path}}","status":{{status}}}""", Start.AddSeconds(second));

    [Fact]
    public void the_main_job_runs_from_clicks_to_topics_and_tables()
    {
        using var driver = new TopologyDriver(Clickstream());
        Pipe(driver, "/cart", 503);
        Pipe(driver, "/", 200, second: 1);
        Pipe(driver, "/cart", 503, second: 2);

        var errors = driver.ReadOutput("errors", Codecs.Utf8, Codecs.Utf8);
        Assert.Equal(
            [
                ("192.0.2.1", """{"path":"/cart","status":503}""", Start, "clickstream-0@0"),
                ("192.0.2.1", """{"path":"/cart","status":503}""", Start.AddSeconds(2), "clickstream-0@2"),
            ],
            errors.Select(r => (r.Key, r.Value, r.Timestamp, Codecs.Utf8.Decode(Assert.Single(r.Headers, h => h.Key == "origin").Value))));
        Assert.Equal(
            [
                new ErrorRow("clickstream", 0, 0, Start, "/cart", 503, """{"path":"/cart","status":503}"""),
                new ErrorRow("clickstream", 0, 2, Start.AddSeconds(2), "/cart", 503, """{"path":"/cart","status":503}"""),
            ],
            driver.Table<ErrorRow>("errors"));
        Assert.Equal([new CountRow(Start, "/cart", 503, 2)], driver.Table<CountRow>("error_counts"));
        Assert.Equal(
            [
                ("""{"window_start":"2026-01-01T00:00:00Z","path":"/cart","status":503}""", """{"window_start":"2026-01-01T00:00:00Z","path":"/cart","status":503,"n":1}"""),
                ("""{"window_start":"2026-01-01T00:00:00Z","path":"/cart","status":503}""", """{"window_start":"2026-01-01T00:00:00Z","path":"/cart","status":503,"n":2}"""),
            ],
            driver.ReadOutput("error-counts", Codecs.Utf8, Codecs.Utf8).Select(r => (r.Key, r.Value)));
        Assert.Empty(driver.DeadLetters);
    }

    [Fact]
    public void reading_a_topic_gives_what_came_since_the_last_time()
    {
        using var driver = new TopologyDriver(Clickstream());
        Pipe(driver, "/a", 500);
        Assert.Single(driver.ReadOutput("errors", Codecs.Utf8, Codecs.Bytes));
        Assert.Empty(driver.ReadOutput("errors", Codecs.Utf8, Codecs.Bytes));
        Pipe(driver, "/b", 500);
        Assert.Single(driver.ReadOutput("errors", Codecs.Utf8, Codecs.Bytes));
    }

    [Fact]
    public void without_auto_commit_nothing_shows_before_the_commit()
    {
        using var driver = new TopologyDriver(Clickstream(), new TopologyDriverOptions { AutoCommit = false });
        Pipe(driver, "/a", 500);
        Pipe(driver, "/a", 500);
        driver.Pipe("clickstream", null, "no json"u8.ToArray());
        Assert.Empty(driver.ReadOutput("errors", Codecs.Utf8, Codecs.Bytes));
        Assert.Empty(driver.Table("errors"));
        Assert.Empty(driver.DeadLetters);

        driver.Commit();
        Assert.Equal(2, driver.ReadOutput("errors", Codecs.Utf8, Codecs.Bytes).Count);
        Assert.Equal(2, driver.Table("errors").Count);
        Assert.Single(driver.DeadLetters);
        Assert.Equal(2L, Assert.Single(driver.Table("error_counts"))["n"]);
        Assert.Single(driver.ReadOutput("error-counts", Codecs.Utf8, Codecs.Utf8));
    }

    [Fact]
    public void wall_time_moves_only_when_told_and_bounds_the_future()
    {
        using var driver = new TopologyDriver(Clickstream(), new TopologyDriverOptions { StartTime = Start });
        Pipe(driver, "/late-year", 500, second: 3601);
        Assert.Single(driver.DeadLetters);
        driver.AdvanceWallClock(TimeSpan.FromSeconds(1));
        Pipe(driver, "/late-year", 500, second: 3601);
        Assert.Single(driver.DeadLetters);
        Assert.Single(driver.Table("errors"));
        Assert.Equal(Start.AddSeconds(1), driver.Now);
    }

    [Fact]
    public void unknown_names_are_refused_with_those_that_exist()
    {
        using var driver = new TopologyDriver(Clickstream());
        Assert.Equal(
            "The topology does not read topic 'clicks'; it reads 'clickstream'.",
            Assert.Throws<ArgumentException>(() => driver.Pipe("clicks", null, null)).Message);
        Assert.Equal(
            "The topology does not write topic 'x'; it writes 'errors', 'error-counts'. (Parameter 'topic')",
            Assert.Throws<ArgumentException>(() => driver.ReadOutput("x", Codecs.Utf8, Codecs.Utf8)).Message);
        Assert.Equal(
            "The topology has no table 'y'; it has 'errors', 'error_counts'.",
            Assert.Throws<ArgumentException>(() => driver.Table("y")).Message);
    }
}
