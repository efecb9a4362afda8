using System.Text;

namespace Streams.Processors.Tests;

/// <summary>What PostgreSQL refuses would fail a whole transaction, so it has to be refused record by record before.</summary>
public sealed class PostgresTextTests
{
    private static readonly Column C = new("c", ColumnType.Json);

    private static string? Problem(Action check)
    {
        try
        {
            check();
            return null;
        }
        catch (RecordRejectedException e)
        {
            return e.Message;
        }
    }

    private static string? JsonProblem(string json) => Problem(() => PostgresText.CheckJson(Encoding.UTF8.GetBytes(json), C));

    [Theory]
    [InlineData("")]
    [InlineData("plain")]
    [InlineData("\u0001\u007F\uFFFE\uFFFF")]
    [InlineData("😀 é 北京")]
    public void text_without_nul_and_half_pairs_passes(string text) => Assert.Null(Problem(() => PostgresText.Check(text, C)));

    [Theory]
    [InlineData("\0")]
    [InlineData("abc\0")]
    [InlineData("\0😀")]
    public void nul_is_refused(string text) =>
        Assert.Equal("Column c: the text holds U+0000, which PostgreSQL cannot store.", Problem(() => PostgresText.Check(text, C)));

    [Fact]
    public void half_a_surrogate_pair_is_refused()
    {
        // Not as data of a theory: attributes hold UTF-8, which cannot hold these.
        foreach (var text in new[] { "\uD83D", "a\uDE00b", "😀\uDE00", "\uDE00\uD83D", "\uD83D😀" })
        {
            Assert.Equal("Column c: the text holds half a surrogate pair, which PostgreSQL cannot store.", Problem(() => PostgresText.Check(text, C)));
        }
    }

    [Theory]
    [InlineData("""{"a": [1, -0, 1.5e3, true, null, "x"]}""")]
    [InlineData("""{"a": "\\u0000"}""")]
    [InlineData("""{"a": "\\\\u0000", "\\u0000": 1}""")]
    [InlineData("""{"a": "\ud83d\ude00"}""")]
    [InlineData("""{"a": "\u0001 \u007f \uffff"}""")]
    [InlineData("""{"a": 1, "a": 2}""")]
    [InlineData(" 1 ")]
    [InlineData("1e15000")]
    [InlineData("-1.5E-15000")]
    public void json_that_postgres_stores_passes(string json) => Assert.Null(JsonProblem(json));

    [Theory]
    [InlineData("""{"a": "\u0000"}""")]
    [InlineData("""{"a": "x\\\u0000"}""")]
    [InlineData("""{"\u0000": 1}""")]
    [InlineData("""["\u0000"]""")]
    public void an_escaped_nul_is_refused(string json) =>
        Assert.Equal("Column c: the JSON holds \\u0000, which PostgreSQL's jsonb cannot store.", JsonProblem(json));

    [Theory]
    [InlineData("""{"a": "\ud83d"}""")]
    [InlineData("""{"a": "\ude00\ud83d"}""")]
    [InlineData("""{"\udc00": 1}""")]
    [InlineData("")]
    [InlineData("{")]
    [InlineData("{} x")]
    [InlineData("{'a': 1}")]
    [InlineData("{\"a\": 01}")]
    [InlineData("[1,]")]
    [InlineData("\uFEFF1")]
    [InlineData("\"a\nb\"")]
    public void what_is_no_json_is_refused(string json) =>
        Assert.StartsWith("Column c: not JSON that PostgreSQL can store: ", JsonProblem(json), StringComparison.Ordinal);

    [Theory]
    [InlineData("1e16000")]
    [InlineData("1e-16000")]
    [InlineData("1e99999999999999999999")]
    [InlineData("-1E+131072")]
    public void numbers_beyond_numeric_are_refused(string json) =>
        Assert.Equal("Column c: the JSON holds a number beyond the range of PostgreSQL's numeric.", JsonProblem(json));

    [Fact]
    public void digits_and_exponent_count_together()
    {
        var problem = "Column c: the JSON holds a number beyond the range of PostgreSQL's numeric.";
        Assert.Equal(problem, JsonProblem("0." + new string('1', 9_000) + "e-9000"));
        Assert.Equal(problem, JsonProblem(new string('1', 16_001)));
        Assert.Null(JsonProblem("0." + new string('1', 6_000) + "e-9000"));
    }

    [Fact]
    public void invalid_utf8_within_a_string_is_refused() =>
        Assert.Equal(
            "Column c: not JSON that PostgreSQL can store: it is not valid UTF-8.",
            Problem(() => PostgresText.CheckJson([.. "{\"a\":\""u8, 0xC3, 0x28, .. "\"}"u8], C)));

    [Fact]
    public void nesting_deeper_than_anyone_needs_is_refused()
    {
        Assert.Null(JsonProblem(new string('[', 256) + new string(']', 256)));
        Assert.StartsWith("Column c: not JSON that PostgreSQL can store: ", JsonProblem(new string('[', 257) + new string(']', 257)), StringComparison.Ordinal);
    }

    [Fact]
    public void messages_are_made_storable()
    {
        Assert.Equal("plain 😀", PostgresText.Clean("plain 😀"));
        Assert.Equal("a\uFFFDb\uFFFDc😀", PostgresText.Clean("a\0b\uD800c😀"));
    }

    [Fact]
    public void a_pair_that_is_cut_in_half_becomes_storable_too()
    {
        var start = new string('x', ErrorSummary.MaxReasonLength - 5);
        var reason = ErrorSummary.Reason(new InvalidOperationException($"{start}😀 and more"));
        Assert.Null(Problem(() => PostgresText.Check(reason, C)));
        Assert.Equal($"{start}\uFFFD ...", reason);
    }
}
