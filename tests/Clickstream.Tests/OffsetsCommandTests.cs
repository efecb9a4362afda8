using System.CommandLine;
using Streams.Hosting.Offsets;
using Xunit;

namespace Clickstream.Tests;

public sealed class OffsetsCommandTests
{
    private static ParseResult Parse(string line) =>
        new RootCommand { OffsetsCommand.Create(), RunCommand.Create() }.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries));

    [Theory]
    [InlineData("offsets", "")]
    [InlineData("offsets -o json --Streams:ApplicationId=clicks", "--Streams:ApplicationId=clicks")]
    [InlineData("offsets reset clickstream-0 --to earliest", "")]
    [InlineData("offsets reset clickstream-0 --Streams:ApplicationId=clicks --to 17 --again -y", "--Streams:ApplicationId=clicks")]
    [InlineData("offsets reset clickstream-0 --to latest --Streams:ApplicationId clicks Urls=http://*:1", "--Streams:ApplicationId clicks Urls=http://*:1")]
    [InlineData("run --embedded --Kafka:Common:ssl_ca_location /etc/ca.pem", "--Kafka:Common:ssl_ca_location /etc/ca.pem")]
    public void settings_are_taken_after_everything_else(string line, string settings)
    {
        var parsed = Parse(line);
        Assert.Empty(parsed.Errors);
        Assert.Equal(settings, string.Join(' ', parsed.NodeSettings()));
    }

    [Theory]
    [InlineData("offsets reset clickstream-0 --to earliest --agian", "--agian")]
    [InlineData("offsets reset clickstream-0 --to earliest --agian --Streams:ApplicationId=clicks", "--agian")]
    [InlineData("offsets reset clickstream-0 clickstream-1 --to earliest", "clickstream-1")]
    [InlineData("offsets list", "list")]
    [InlineData("run --embeded", "--embeded")]
    public void what_is_no_setting_is_refused(string line, string token) =>
        Assert.Equal([$"{token} is neither an option nor a setting such as --Streams:ApplicationId=clicks."], Parse(line).Errors.Select(e => e.Message));

    [Fact]
    public void a_partition_is_a_line()
    {
        var position = new InputPosition("clickstream", 3, 100, 130, 200, 2, new DateTime(2026, 1, 1, 12, 30, 0, DateTimeKind.Utc), "node-1");
        Assert.Equal("clickstream-3  next 100  topic has 130 to 199  lag 70  stream time 2026-01-01 12:30:00  node node-1  30 lost", OffsetsCommand.Line(position));
        Assert.Equal(
            "clickstream-3  next 100  topic has nothing  lag 0  stream time 2026-01-01 12:30:00  node node-1  beyond the topic's end",
            OffsetsCommand.Line(position with { First = 0, End = 0 }));
        Assert.Equal(
            "clickstream-0  next -  topic has 0 to 9  lag 10  stream time -  node -",
            OffsetsCommand.Line(new InputPosition("clickstream", 0, null, 0, 10, null, null, null)));
    }
}
