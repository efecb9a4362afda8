using System.CommandLine;
using System.Text;
using Streams.Hosting.DeadLetters;
using Xunit;

namespace Clickstream.Tests;

public sealed class DlqCommandTests
{
    private const string Which = "Say which: by POSITION, --topic, --partition, --reason, or --all.";

    private static ParseResult Parse(string line) =>
        new RootCommand { DlqCommand.Create() }.Parse(["dlq", .. line.Split(' ', StringSplitOptions.RemoveEmptyEntries)]);

    [Theory]
    [InlineData("list")]
    [InlineData("list --replayed --limit 5 -o json --Streams:ApplicationId=clicks")]
    [InlineData("list clickstream-0@1 clickstream-1@2 --reason null --topic t --partition 0")]
    [InlineData("show clickstream-0@1 --raw value")]
    [InlineData("show --raw key clickstream-0@1 --ConnectionStrings:Postgres=Host=db")]
    [InlineData("replay --all --no-wait")]
    [InlineData("replay --reason null")]
    [InlineData("replay clickstream-0@1 -o json")]
    [InlineData("drop --all --replayed --yes")]
    [InlineData("drop --partition 3 -y")]
    public void a_good_command_line_is_taken(string line) => Assert.Empty(Parse(line).Errors);

    [Theory]
    [InlineData("replay", Which)]
    [InlineData("drop --yes", Which)]
    [InlineData("drop --replayed", Which)]
    [InlineData("replay --Streams:ApplicationId=clicks", Which)]
    [InlineData("replay --all --reason null", "--all excludes POSITION, --topic, --partition and --reason.")]
    [InlineData("drop --all clickstream-0@1", "--all excludes POSITION, --topic, --partition and --reason.")]
    [InlineData("drop --all --reson=null", "--reson=null is neither a position such as clickstream-0@17 nor a setting such as --Streams:ApplicationId=clicks.")]
    [InlineData("drop --all --dry-run", "--dry-run is neither a position such as clickstream-0@17 nor a setting such as --Streams:ApplicationId=clicks.")]
    [InlineData("list clickstream", "clickstream is neither a position such as clickstream-0@17 nor a setting such as --Streams:ApplicationId=clicks.")]
    [InlineData("list --limit 0", "--limit takes 1 or more, not 0.")]
    [InlineData("list --partition -1", "--partition takes 0 or more, not -1.")]
    [InlineData("show", "Give one position, such as clickstream-0@17.")]
    [InlineData("show clickstream-0@1 clickstream-0@2", "Give one position, such as clickstream-0@17.")]
    public void a_bad_command_line_says_what_is_wrong(string line, string error) =>
        Assert.Contains(error, Parse(line).Errors.Select(e => e.Message));

    [Fact]
    public void a_line_of_the_list_is_one_line()
    {
        var time = new DateTime(2026, 1, 1, 12, 30, 0, DateTimeKind.Utc);
        var row = new DeadLetterRow(new("clickstream", 2, 17), time, null, "SOURCE-1", "Not\nJSON.", 3, null, 1, null, null);
        Assert.Equal("clickstream-2@17  2026-01-01 12:30:00Z  waiting  failed 3 x  SOURCE-1: Not JSON.", DlqListCommand.Line(row));
        Assert.Contains("  requested  ", DlqListCommand.Line(row with { RequestedAt = time }), StringComparison.Ordinal);
        Assert.Contains("  replayed  ", DlqListCommand.Line(row with { RequestedAt = time, ReplayedAt = time }), StringComparison.Ordinal);
    }

    [Fact]
    public void a_dead_letter_shows_text_as_text_and_other_bytes_in_hexadecimal()
    {
        var time = new DateTime(2026, 1, 1, 12, 30, 0, DateTimeKind.Utc);
        var letter = new DeadLetterDetails(
            new DeadLetterRow(new("clickstream", 2, 17), time, time.AddSeconds(-1.5), "SOURCE-1", "Not JSON.", 1, 3, 40, null, time.AddDays(1)),
            "System.Exception: no\n   at Here()",
            null,
            [new("trace", "abc"u8.ToArray()), new("id", [1, 0xFF]), new("none", null)],
            "\u001b[2J"u8.ToArray(),
            (byte[])[.. Encoding.UTF8.GetBytes(new string('é', 18)), 0xC3, 0x28, 1, 2]);
        Assert.Equal(
            """
            clickstream-2@17: replayed
              since       2026-01-01 12:30:00.000Z
              replayed    2026-01-02 12:30:00.000Z
              kafka time  2026-01-01 12:29:58.500Z
              failed      1 x
              node        SOURCE-1
              reason      Not JSON.
              error       System.Exception: no
                             at Here()
              header      trace: abc
              header      id: 01FF
              header      none: null
            key (4 bytes):
            1B5B324A
            value (40 bytes):
            C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9C3A9
            C3A9C3A9C3280102
            """.ReplaceLineEndings("\n"),
            DlqShowCommand.Text(letter).ReplaceLineEndings("\n"));
        Assert.EndsWith(
            "key: null\nvalue (3 bytes):\nhé",
            DlqShowCommand.Text(letter with { Key = null, Value = "hé"u8.ToArray() }).ReplaceLineEndings("\n"),
            StringComparison.Ordinal);
    }
}
