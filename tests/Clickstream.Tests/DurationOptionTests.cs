using System.CommandLine;
using Xunit;

namespace Clickstream.Tests;

public sealed class DurationOptionTests
{
    [Theory]
    [InlineData("20s", 20_000)]
    [InlineData("2m", 120_000)]
    [InlineData("1m30s", 90_000)]
    [InlineData("1.5s", 1500)]
    [InlineData("500ms", 500)]
    [InlineData("1h1ms", 3_600_001)]
    [InlineData("00:00:20", 20_000)]
    [InlineData("1:00", 3_600_000)]
    public void a_duration_is_read(string text, double milliseconds)
    {
        Assert.True(DurationOption.TryParse(text, out var duration));
        Assert.Equal(milliseconds, duration.TotalMilliseconds);
    }

    [Theory]
    [InlineData("20")]
    [InlineData("")]
    [InlineData("s")]
    [InlineData("20 s")]
    [InlineData("20S")]
    [InlineData("-20s")]
    [InlineData("0s")]
    [InlineData("00:00:00")]
    [InlineData("-00:00:20")]
    [InlineData("1.2.3s")]
    [InlineData("20sec")]
    [InlineData("99999999999999999999h")]
    public void what_is_no_duration_or_not_above_zero_is_refused(string text) => Assert.False(DurationOption.TryParse(text, out _));

    [Theory]
    [InlineData("--for 20", "--for takes a time such as 20s, 1m30s or 00:00:20, not 20.")]
    [InlineData("--rate 0", "--rate takes a number above 0, not 0.")]
    [InlineData("--from no-such.log", "There is no file no-such.log.")]
    public void a_bad_command_line_says_what_is_wrong(string line, string error) =>
        Assert.Equal([error], new RootCommand { DemoCommand.Create() }.Parse(["demo", .. line.Split(' ')]).Errors.Select(e => e.Message));
}
