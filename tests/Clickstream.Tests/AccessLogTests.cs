using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Xunit;

namespace Clickstream.Tests;

public sealed class AccessLogTests
{
    private const string Good = """83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /cart?id=1 HTTP/1.1" 404 203 "http://example.org/" "Mozilla/5.0 (X11)" """;

    private static string Click(string line) => Click(Encoding.UTF8.GetBytes(line));

    private static string Click(byte[] line)
    {
        using var writer = new AccessLogClickWriter();
        Assert.True(AccessLog.TryParse(line, out var parsed, out var error), error);
        writer.Write(parsed, parsed.Time);
        return Encoding.UTF8.GetString(writer.Written);
    }

    private static string? Error(string line) => AccessLog.TryParse(Encoding.UTF8.GetBytes(line), out _, out var error) ? null : error;

    [Fact]
    public void a_line_in_combined_format_becomes_a_click() => Assert.Equal(
        """{"time":"2015-05-17T10:05:03.000Z","ip":"83.149.9.216","method":"GET","path":"/cart","query":"id=1","protocol":"HTTP/1.1","status":404,"bytes":203,"referrer":"http://example.org/","agent":"Mozilla/5.0 (X11)"}""",
        Click(Good));

    [Fact]
    public void a_line_in_common_format_has_no_referrer_and_no_agent() => Assert.Equal(
        """{"time":"2000-10-10T20:55:36.000Z","ip":"127.0.0.1","method":"GET","path":"/apache_pb.gif","protocol":"HTTP/1.0","status":200,"bytes":2326}""",
        Click("""127.0.0.1 - frank [10/Oct/2000:13:55:36 -0700] "GET /apache_pb.gif HTTP/1.0" 200 2326"""));

    [Fact]
    public void a_dash_means_absent() => Assert.Equal(
        """{"time":"2015-05-17T10:05:03.000Z","method":"HEAD","path":"/","protocol":"HTTP/1.1","status":304}""",
        Click("""- - - [17/May/2015:10:05:03 +0000] "HEAD / HTTP/1.1" 304 - "-" "-" """));

    [Theory]
    [InlineData("GET / HTTP/1.1", "GET", "/", null, "HTTP/1.1")]
    [InlineData("GET /", "GET", "/", null, null)]
    [InlineData("GET /a?b?c#d HTTP/2.0", "GET", "/a", "b?c#d", "HTTP/2.0")]
    [InlineData("GET /a? HTTP/1.1", "GET", "/a", null, "HTTP/1.1")]
    [InlineData("GET ?a HTTP/1.1", "GET", "", "a", "HTTP/1.1")]
    [InlineData("GET /a b c HTTP/1.1", "GET", "/a b c", null, "HTTP/1.1")]
    [InlineData("GET /a b", "GET", "/a b", null, null)]
    [InlineData("GET http://example.org/a?b HTTP/1.1", "GET", "http://example.org/a", "b", "HTTP/1.1")]
    [InlineData("OPTIONS * HTTP/1.1", "OPTIONS", "*", null, "HTTP/1.1")]
    [InlineData("CONNECT example.org:443 HTTP/1.1", "CONNECT", "example.org:443", null, "HTTP/1.1")]
    [InlineData("VERSION-CONTROL /a HTTP/1.1", "VERSION-CONTROL", "/a", null, "HTTP/1.1")]
    [InlineData("""GET /\"quoted\"\\x HTTP/1.1""", "GET", "/\"quoted\"\\x", null, "HTTP/1.1")]
    [InlineData("""GET /\xe4 HTTP/1.1""", "GET", """/\xe4""", null, "HTTP/1.1")]
    [InlineData("GET /é/😀 HTTP/1.1", "GET", "/é/😀", null, "HTTP/1.1")]
    public void a_request_has_method_target_and_protocol(string request, string method, string path, string? query, string? protocol)
    {
        var click = JObject.Parse(Click($"""::1 - - [17/May/2015:10:05:03 +0000] "{request}" 200 1"""));

        Assert.Equal((method, path, query, protocol), ((string?)click["method"], (string?)click["path"], (string?)click["query"], (string?)click["protocol"]));
    }

    [Theory]
    [InlineData("""a \"b\" c""", "a \"b\" c")]
    [InlineData("""\\""", "\\")]
    [InlineData("""a\\\"b""", "a\\\"b")]
    [InlineData("""http://\xe4\xe5/""", """http://\xe4\xe5/""")]
    [InlineData("a\tb", "a\tb")]
    [InlineData("a\0b", "a\uFFFDb")]
    [InlineData("ünï😀", "ünï😀")]
    public void quoted_fields_lose_their_escapes(string field, string text)
    {
        var click = JObject.Parse(Click($"""::1 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "{field}" "{field}" """));

        Assert.Equal((text, text), ((string?)click["referrer"], (string?)click["agent"]));
    }

    [Fact]
    public void bytes_that_are_not_utf8_are_replaced()
    {
        var line = Encoding.Latin1.GetBytes("""::1 - - [17/May/2015:10:05:03 +0000] "GET /caf""" + "\u00e9" + """ HTTP/1.1" 200 1""");

        var click = Click(line);

        Assert.Equal("/caf\uFFFD", (string?)JObject.Parse(click)["path"]);
        Assert.Equal("/caf\uFFFD", new ClickCodec().Decode(Encoding.UTF8.GetBytes(click)).Path);
    }

    [Theory]
    [InlineData("""1.2.3.4 - john doe [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1""")]
    [InlineData("""1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200""")]
    [InlineData("""1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "ref" "agent" "1.1.1.1" 0.003""")]
    [InlineData("""1.2.3.4 - - [17/May/2015:10:05:03 +0000] "GET / HTTP/1.1" 200 1 "ref" "agent, cut o""")]
    [InlineData("""1.2.3.4 - - [17/May/2015:10:05:03 +0000]  "GET  / HTTP/1.1"  200  1 "ref""")]
    public void variations_are_taken(string line) => Assert.Equal("/", (string?)JObject.Parse(Click(line))["path"]);

    [Theory]
    [InlineData("17/May/2015:10:05:03 +0000", "2015-05-17T10:05:03.000Z")]
    [InlineData("29/Feb/2024:23:59:59 +0000", "2024-02-29T23:59:59.000Z")]
    [InlineData("01/Jan/2026:00:30:00 +0100", "2025-12-31T23:30:00.000Z")]
    [InlineData("31/Dec/2025:23:30:00 -0730", "2026-01-01T07:00:00.000Z")]
    public void a_time_becomes_utc(string time, string expected) =>
        Assert.Contains($"\"time\":\"{expected}\"", Click($"""::1 - - [{time}] "GET / HTTP/1.1" 200 1"""), StringComparison.Ordinal);

    [Fact]
    public void every_month_has_a_number()
    {
        string[] months = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];

        Assert.Equal(
            Enumerable.Range(1, 12).Select(n => $"2026-{n:00}-01T00:00:00.000Z"),
            months.Select(m => (string?)ParseDatesAsText(Click($"""::1 - - [01/{m}/2026:00:00:00 +0000] "GET / HTTP/1.1" 200 1"""))["time"]));
    }

    [Theory]
    [InlineData("", "there is no client address")]
    [InlineData("hello", "there is no client address")]
    [InlineData(" - - [", "there is no client address")]
    [InlineData("hello world", "there is no time in brackets")]
    [InlineData("1.2.3.4 - - [17/May/2015", "the time is not like [17/May/2015:10:05:03 +0000]")]
    [InlineData("1.2.3.4 - - [17/Mai/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1", "the time is not like [17/May/2015:10:05:03 +0000]")]
    [InlineData("1.2.3.4 - - [31/Feb/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 1", "the time is not like [17/May/2015:10:05:03 +0000]")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000]", "there is no request in quotes")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] 200 1", "there is no request in quotes")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"-\" 408 -", "the request has no method and target")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"\" 400 0", "the request has no method and target")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET\" 400 0", "the request has no method and target")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET  HTTP/1.1\" 400 0", "the request has no method and target")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"\\x16\\x03\\x01 \\x02\" 400 0", "the request has no method and target")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1", "the status is not a number")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" - 1", "the status is not a number")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 2x0 1", "the status is not a number")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 1000 1", "the status is not a number")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 \"ref\"", "the size is not a number")]
    [InlineData("1.2.3.4 - - [17/May/2015:10:05:03 +0000] \"GET / HTTP/1.1\" 200 -5", "the size is not a number")]
    public void what_is_no_click_says_why(string line, string error) => Assert.Equal(error, Error(line));

    [Fact]
    public void mutated_lines_give_a_click_or_an_error_and_nothing_else()
    {
        var random = new Random(1);
        var codec = new ClickCodec();
        var failed = 0;
        using var writer = new AccessLogClickWriter();
        for (var i = 0; i < 20_000; i++)
        {
            var line = Encoding.UTF8.GetBytes(Good).ToList();
            for (var n = random.Next(1, 5); n > 0; n--)
            {
                var at = random.Next(line.Count);
                switch (random.Next(3))
                {
                    case 0:
                        line[at] = (byte)random.Next(256);
                        break;
                    case 1:
                        line.RemoveRange(at, Math.Min(line.Count - at - 1, random.Next(40)));
                        break;
                    default:
                        line.Insert(at, "\"\\ -[]\0\xff"u8[random.Next(8)]);
                        break;
                }
            }

            if (!AccessLog.TryParse(line.ToArray(), out var parsed, out var error))
            {
                Assert.NotNull(error);
                failed++;
                continue;
            }

            writer.Write(parsed, parsed.Time);
            var click = codec.Decode(writer.Written);
            Assert.Equal((parsed.Status, parsed.Time), (click.Status, click.Time));
        }

        Assert.InRange(failed, 1_000, 19_000);
    }

    [Fact]
    public void every_line_of_a_real_log_is_a_click()
    {
        var codec = new ClickCodec();
        using var writer = new AccessLogClickWriter();
        var errors = new SortedDictionary<int, int>();
        var expected = new List<(string, int)>();
        var actual = new List<(string, int)>();
        foreach (var text in File.ReadLines(RealLog()))
        {
            Assert.True(AccessLog.TryParse(Encoding.UTF8.GetBytes(text), out var line, out var error), $"{error}: {text}");
            writer.Write(line, line.Time);
            var click = codec.Decode(writer.Written);
            Assert.Equal(line.Time, click.Time);
            actual.Add((click.Path, click.Status));

            // What awk would do: no line of this log has a space in its target, or a quote in its request.
            var words = text.Split(' ');
            expected.Add((words[6].Split('?')[0], int.Parse(words[8], null)));
            if (click.Status >= 400)
            {
                errors[click.Status] = errors.GetValueOrDefault(click.Status) + 1;
            }
        }

        Assert.Equal(10_000, actual.Count);
        Assert.Equal(expected, actual);
        Assert.Equal([KeyValuePair.Create(403, 2), KeyValuePair.Create(404, 213), KeyValuePair.Create(416, 2), KeyValuePair.Create(500, 3)], errors);
    }

    private static string RealLog()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            var log = Path.Combine(folder.FullName, "shared", "data", "apache_access.log");
            if (File.Exists(log))
            {
                return log;
            }
        }

        Assert.Skip("There is no ../shared/data/apache_access.log beside the repository.");
        return "";
    }

    private static JObject ParseDatesAsText(string json)
    {
        using var reader = new JsonTextReader(new StringReader(json)) { DateParseHandling = DateParseHandling.None };
        return JObject.Load(reader);
    }
}
