using System.Buffers;
using System.Text;
using Streams;
using Xunit;

namespace Clickstream.Tests;

public sealed class ClickCodecTests
{
    private static readonly DateTime NewYear = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);
    private readonly ClickCodec _codec = new();

    private Click Decode(string json) => _codec.Decode(Encoding.UTF8.GetBytes(json));

    [Fact]
    public void a_click_has_path_status_user_and_time()
    {
        var click = Decode("""{"path": "/cart", "user_id": 42, "status": 503, "time": "2026-01-01T00:00:00.000Z"}""");

        Assert.Equal(new Click("/cart", 503, 42, NewYear), click);
        Assert.Equal(DateTimeKind.Utc, click.Time!.Value.Kind);
    }

    [Theory]
    [InlineData("""{"status":503,"path":"/cart"}""")]
    [InlineData(""" { "status" : 503 , "path" : "/cart" } """)]
    [InlineData("\t{\r\n\"status\"\n:\t503,\n\"path\":\"/cart\"\n}\n")]
    [InlineData("""{"path":"\u002fcart","status":503}""")]
    [InlineData("""{"path":"\/c\u0061rt","status":503}""")]
    [InlineData("""{"p\u0061th":"/cart","stat\u0075s":503}""")]
    [InlineData("""{"path":"/cart","status":503,"user_id":null,"time":null}""")]
    [InlineData("""{"a":{"path":"/x","status":1},"path":"/cart","b":[{"status":2}],"status":503,"c":{"time":[{}]}}""")]
    [InlineData("""{"path":"/x","status":"abc","path":"/cart","status":503}""")]
    [InlineData("""{"path":1,"status":{"status":9},"path":"/cart","status":503}""")]
    [InlineData("""{"user_id":"x","time":true,"user_id":null,"time":null,"path":"/cart","status":503}""")]
    [InlineData("""{"Path":"/x","STATUS":1,"paths":"/y","path":"/cart","status":503,"":0}""")]
    [InlineData("""{"path":"/cart","status":503,"x":-1.5e+10,"y":true,"z":false,"n":null,"s":"\n\"\\"}""")]
    [InlineData("""{"path":"/cart","status":503,"emoji":"\ud83d\ude00","\ud83d\ude00":1,"nul":"\u0000"}""")]
    [InlineData("""{"path":"/cart","status":503,"brackets":"}]{[,:"}""")]
    public void spelling_order_and_company_do_not_matter(string json) => Assert.Equal(new Click("/cart", 503, null, null), Decode(json));

    [Theory]
    [InlineData("\"\"", "")]
    [InlineData("\"/é\"", "/é")]
    [InlineData("\"/\\u00e9\"", "/é")]
    [InlineData("\"/\\ud83d\\ude00/😀\"", "/😀/😀")]
    [InlineData("\"/a\\\"b\\\\c\\n\"", "/a\"b\\c\n")]
    public void a_path_is_any_text(string json, string path) => Assert.Equal(path, Decode($$"""{"path":{{json}},"status":200}""").Path);

    [Theory]
    [InlineData(3_000)]
    [InlineData(100_000)]
    public void a_path_may_be_long(int length)
    {
        var plain = Decode($$"""{"path":"/{{new string('x', length)}}","status":200}""").Path;
        var escaped = Decode($$"""{"path":"\/{{new string('x', length)}}","status":200}""").Path;

        Assert.Equal("/" + new string('x', length), plain);
        Assert.Equal(plain, escaped);
    }

    [Theory]
    [InlineData("0", 0)]
    [InlineData("-0", 0)]
    [InlineData("-7", -7)]
    [InlineData("2147483647", int.MaxValue)]
    [InlineData("-2147483648", int.MinValue)]
    public void a_status_is_any_integer_of_32_bits(string json, int status) =>
        Assert.Equal(status, Decode($$"""{"path":"/","status":{{json}}}""").Status);

    [Theory]
    [InlineData("0", 0)]
    [InlineData("-1", -1)]
    [InlineData("9223372036854775807", long.MaxValue)]
    [InlineData("-9223372036854775808", long.MinValue)]
    public void a_user_id_is_any_integer_of_64_bits(string json, long userId) =>
        Assert.Equal(userId, Decode($$"""{"path":"/","status":200,"user_id":{{json}}}""").UserId);

    [Theory]
    [InlineData("\"2026-01-01T00:00:00.000Z\"", 0)]
    [InlineData("\"2026-01-01T00:00:00Z\"", 0)]
    [InlineData("\"2026-01-01T00:00Z\"", 0)]
    [InlineData("\"2026-01-01T00:00\"", 0)]
    [InlineData("\"2026-01-01T00:00:00\"", 0)]
    [InlineData("\"2026-01-01 00:00:00.0\"", 0)]
    [InlineData("\"2026-01-01t00:00:00z\"", 0)]
    [InlineData("\"2026-01-01T02:00:00+02:00\"", 0)]
    [InlineData("\"2026-01-01T02:00+02:00\"", 0)]
    [InlineData("\"2025-12-31T19:00:00-0500\"", 0)]
    [InlineData("\"2025-12-31T16:00:00-08\"", 0)]
    [InlineData("\"2026-01-01T05:30:00.000+05:30\"", 0)]
    [InlineData("\"2026-01-01T00:00:00.5Z\"", 5_000_000)]
    [InlineData("\"2026-01-01T00:00:00,5Z\"", 5_000_000)]
    [InlineData("\"2026-01-01T00:00:00.123456789Z\"", 1_234_567)]
    [InlineData("\"2026-01-01T00:00:00.999999999\"", 9_999_999)]
    [InlineData("\"2026-01-01T00:00:00.000\\u005a\"", 0)]
    [InlineData("1767225600000", 0)]
    [InlineData("1767225600001", 10_000)]
    [InlineData("1767225600000.5", 5_000)]
    [InlineData("1.7672256E12", 0)]
    [InlineData("1767225599999.9999999", -1)]
    public void a_time_has_many_forms(string json, long ticksAfterNewYear) =>
        Assert.Equal(NewYear.AddTicks(ticksAfterNewYear), Decode($$"""{"path":"/","status":200,"time":{{json}}}""").Time);

    [Theory]
    [InlineData("\"0001-01-01T00:00:00Z\"", 0)]
    [InlineData("\"9999-12-31T23:59:59.9999999Z\"", 3_155_378_975_999_999_999)]
    [InlineData("-62135596800000", 0)]
    [InlineData("253402300799999", 3_155_378_975_999_990_000)]
    [InlineData("0", 621_355_968_000_000_000)]
    [InlineData("-1", 621_355_967_999_990_000)]
    [InlineData("1e-400", 621_355_968_000_000_000)]
    [InlineData("\"2024-02-29T12:00:00Z\"", 638_448_048_000_000_000)]
    public void a_time_lies_in_years_1_to_9999(string json, long ticks) =>
        Assert.Equal(ticks, Decode($$"""{"path":"/","status":200,"time":{{json}}}""").Time!.Value.Ticks);

    [Theory]
    [InlineData("{}", "path is missing")]
    [InlineData("""{"status":503}""", "path is missing")]
    [InlineData("""{"path":"/"}""", "status is missing")]
    [InlineData("""{"path":null,"status":503}""", "path is not text: null")]
    [InlineData("""{"path":17,"status":503}""", "path is not text: 17")]
    [InlineData("""{"path":["/"],"status":503}""", "path is not text: [")]
    [InlineData("""{"path":"/\u0000","status":503}""", """path holds U+0000, which PostgreSQL cannot store: "/\u0000" """)]
    [InlineData("""{"path":"/","status":"503"}""", """status is not an integer: "503" """)]
    [InlineData("""{"path":"/","status":"abc"}""", """status is not an integer: "abc" """)]
    [InlineData("""{"path":"/","status":"a\tb"}""", """status is not an integer: "a\tb" """)]
    [InlineData("""{"path":"/","status":503.0}""", "status is not an integer: 503.0")]
    [InlineData("""{"path":"/","status":5e2}""", "status is not an integer: 5e2")]
    [InlineData("""{"path":"/","status":null}""", "status is not an integer: null")]
    [InlineData("""{"path":"/","status":true}""", "status is not an integer: true")]
    [InlineData("""{"path":"/","status":{}}""", "status is not an integer: {")]
    [InlineData("""{"path":"/","status":2147483648}""", "status is out of range: 2147483648")]
    [InlineData("""{"path":"/","status":-99999999999}""", "status is out of range: -99999999999")]
    [InlineData("""{"path":"/","status":503,"status":"x"}""", """status is not an integer: "x" """)]
    [InlineData("""{"path":"/","status":503,"user_id":"42"}""", """user_id is not an integer: "42" """)]
    [InlineData("""{"path":"/","status":503,"user_id":1.5}""", "user_id is not an integer: 1.5")]
    [InlineData("""{"path":"/","status":503,"user_id":9223372036854775808}""", "user_id is out of range: 9223372036854775808")]
    [InlineData("""{"path":"/","status":503,"time":true}""", "time is neither ISO 8601 nor milliseconds since 1970: true")]
    [InlineData("""{"path":"/","status":503,"time":1e400}""", "time is out of range (years 1 to 9999): 1e400")]
    [InlineData("""{"path":"/","status":503,"time":253402300800000}""", "time is out of range (years 1 to 9999): 253402300800000")]
    [InlineData("""{"path":"/","status":503,"time":-62135596800001}""", "time is out of range (years 1 to 9999): -62135596800001")]
    [InlineData("", "the value is empty")]
    [InlineData("[]", "the value is not a JSON object: []")]
    [InlineData("503", "the value is not a JSON object: 503")]
    [InlineData("null", "the value is not a JSON object: null")]
    [InlineData("\"a text that is much longer than what fits into a message\"",
        "the value is not a JSON object: \"a text that is much longer than what fi...")]
    [InlineData("{\"path\":\"/\",\n \"status\":503}x", "the value is not valid JSON: 'x' is invalid after a single JSON value. Expected end of data at byte 27")]
    [InlineData("""{"path":"\ud800","status":503}""", @"the value is not valid JSON: \ud800 is half a character at byte 9")]
    [InlineData("""{"path":"/","status":503,"x":"\\\udc00\ud800"}""", @"the value is not valid JSON: \udc00 is half a character at byte 32")]
    [InlineData("""{"path":"/","status":503,"\ud83d\u0041":1}""", @"the value is not valid JSON: \ud83d is half a character at byte 26")]
    public void an_error_says_what_is_wrong(string json, string message) =>
        Assert.Equal(message.TrimEnd(' '), Assert.Throws<CodecException>(() => Decode(json)).Message);

    [Theory]
    [InlineData("   ")]
    [InlineData("{")]
    [InlineData("}")]
    [InlineData("{,}")]
    [InlineData("{\"path\"}")]
    [InlineData("{\"path\":}")]
    [InlineData("{\"path\" \"/\",\"status\":503}")]
    [InlineData("{'path':'/','status':503}")]
    [InlineData("{path:\"/\",\"status\":503}")]
    [InlineData("""{"path":"/","status":503""")]
    [InlineData("""{"path":"/","status":503,}""")]
    [InlineData("""{,"path":"/","status":503}""")]
    [InlineData("""{"path":"/",,"status":503}""")]
    [InlineData("""{"path":"/" "status":503}""")]
    [InlineData("""{"path":"/","status":0503}""")]
    [InlineData("""{"path":"/","status":+503}""")]
    [InlineData("""{"path":"/","status":503x}""")]
    [InlineData("""{"path":"/","status":503.}""")]
    [InlineData("""{"path":"/","status":.5}""")]
    [InlineData("""{"path":"/","status":-}""")]
    [InlineData("""{"path":"/","status":0x1f7}""")]
    [InlineData("""{"path":"/","status":NaN}""")]
    [InlineData("""{"path":"/","status":503,"x":nul}""")]
    [InlineData("""{"path":"/","status":503,"x":nulls}""")]
    [InlineData("""{"path":"/","status":503,"x":True}""")]
    [InlineData("""{"path":"/","status":503,"x":tru""")]
    [InlineData("""{"path":"/","status":503,"x":[}""")]
    [InlineData("""{"path":"/","status":503,"x":[1,2}}""")]
    [InlineData("""{"path":"/","status":503,"x":"\x"}""")]
    [InlineData("""{"path":"/","status":503,"x":"\u12"}""")]
    [InlineData("""{"path":"/","status":503,"x":"\u12g4"}""")]
    [InlineData("""{"path":"/","status":503,"x":"\""")]
    [InlineData("""{"path":"/","status":503,"x":"\u""")]
    [InlineData("{\"path\":\"/\n\",\"status\":503}")]
    [InlineData("{\"path\":\"/\",\"status\":503,\"x\0\":1}")]
    [InlineData("{\"path\":\"/\",\"status\":503}\0")]
    [InlineData("{\"path\":\"/\",\"status\":503} {}")]
    [InlineData("{\"path\":\"/\",\"status\":503}}")]
    [InlineData("{\"path\":\"/\",\"status\":503} // why")]
    [InlineData("{\"path\":\"/\",/* why */\"status\":503}")]
    [InlineData("\uFEFF{\"path\":\"/\",\"status\":503}")]
    [InlineData("\u00A0{\"path\":\"/\",\"status\":503}")]
    public void what_is_not_json_is_refused(string json) =>
        Assert.StartsWith("the value is not valid JSON: ", Assert.Throws<CodecException>(() => Decode(json)).Message, StringComparison.Ordinal);

    [Fact]
    public void what_is_nested_too_deeply_is_refused()
    {
        static string Nested(int levels) => $$"""{"path":"/","status":503,"x":{{new string('[', levels)}}{{new string(']', levels)}}}""";

        Assert.Equal(503, Decode(Nested(63)).Status);
        Assert.StartsWith("the value is not valid JSON: ", Assert.Throws<CodecException>(() => Decode(Nested(64))).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("2026-01-01")]
    [InlineData("20260101T000000Z")]
    [InlineData("2026-01-01T00Z")]
    [InlineData("2026-1-1T00:00:00Z")]
    [InlineData("2026-01-01T00:00:00.Z")]
    [InlineData("2026-01-01T00:00:00.1234567890Z")]
    [InlineData("2026-01-01T00:00:60Z")]
    [InlineData("2026-01-01T00:60:00Z")]
    [InlineData("2026-01-01T24:00:00Z")]
    [InlineData("2026-02-29T00:00:00Z")]
    [InlineData("2026-04-31T00:00:00Z")]
    [InlineData("2026-13-01T00:00:00Z")]
    [InlineData("2026-00-01T00:00:00Z")]
    [InlineData("2026-01-00T00:00:00Z")]
    [InlineData("0000-01-01T00:00:00Z")]
    [InlineData("0001-01-01T00:00:00+00:01")]
    [InlineData("9999-12-31T23:59:59-00:01")]
    [InlineData("2026-01-01T00:00:00+24:00")]
    [InlineData("2026-01-01T00:00:00+01:60")]
    [InlineData("2026-01-01T00:00:00+1")]
    [InlineData("2026-01-01T00:00:00+01:0")]
    [InlineData("2026-01-01T00:00:00+01-00")]
    [InlineData("2026-01-01T00:00:00ZZ")]
    [InlineData("2026-01-01T00:00:00 Z")]
    [InlineData("2026-01-01X00:00:00Z")]
    [InlineData("2026/01/01T00:00:00Z")]
    [InlineData("2026-01-01T00.00.00Z")]
    [InlineData("-026-01-01T00:00:00Z")]
    [InlineData("1767225600000")]
    [InlineData("")]
    [InlineData("now")]
    public void what_is_no_time_is_refused(string text)
    {
        var expected = $"time is neither ISO 8601 nor milliseconds since 1970: \"{text}\"";

        Assert.Equal(expected, Assert.Throws<CodecException>(() => Decode($$"""{"path":"/","status":503,"time":"{{text}}"}""")).Message);
    }

    [Theory]
    [InlineData(0x80)]
    [InlineData(0xC0, 0x80)]
    [InlineData(0xE9)]
    [InlineData(0xED, 0xA0, 0x80)]
    [InlineData(0xF4, 0x90, 0x80, 0x80)]
    [InlineData(0xFF)]
    public void invalid_utf8_is_refused_wherever_it_stands(params int[] bad)
    {
        string[] places =
        [
            """{"path":"/@","status":503}""",
            """{"path":"/","status":503,"agent":"@"}""",
            """{"path":"/","status":503,"@":1}""",
            """{"path":"/","status":503,"nested":{"deep":["@"]}}""",
            """{"path":"\/","status":503,"escaped":"@"}""",
            """{"path":"/","status":503}@""",
            """@{"path":"/","status":503}""",
        ];
        foreach (var place in places)
        {
            var parts = place.Split('@');
            byte[] bytes = [.. Encoding.UTF8.GetBytes(parts[0]), .. bad.Select(b => (byte)b), .. Encoding.UTF8.GetBytes(parts[1])];

            Assert.Equal("the value is not valid UTF-8", Assert.Throws<CodecException>(() => _codec.Decode(bytes)).Message);
        }
    }

    [Fact]
    public void a_shown_value_is_cut_between_characters()
    {
        var long39 = new string('x', 39);

        var error = Assert.Throws<CodecException>(() => Decode($$"""{"path":"/","status":"{{long39}}é-and-more"}"""));

        Assert.Equal($"status is not an integer: \"{long39}...\"", error.Message);
    }

    public static TheoryData<Click> Clicks => new(
        new Click("/", 200, null, null),
        new Click("/a\"b\\c\n\t\u0001/é/😀/<script>&'+", 503, 42, NewYear),
        new Click("", -1, long.MinValue, NewYear.AddTicks(1)),
        new Click("/x", int.MaxValue, long.MaxValue, new DateTime(DateTime.MaxValue.Ticks, DateTimeKind.Utc)));

    [Theory]
    [MemberData(nameof(Clicks))]
    public void what_is_encoded_is_decoded_again(Click click)
    {
        var output = new ArrayBufferWriter<byte>();

        _codec.Encode(click, output);

        Assert.Equal(click, _codec.Decode(output.WrittenSpan));
    }

    [Fact]
    public void an_encoded_click_reads_well()
    {
        var output = new ArrayBufferWriter<byte>();

        _codec.Encode(new Click("/a+b/é", 503, 42, NewYear.AddMilliseconds(250)), output);

        Assert.Equal("""{"path":"/a+b/é","status":503,"user_id":42,"time":"2026-01-01T00:00:00.25Z"}""", Encoding.UTF8.GetString(output.WrittenSpan));
    }

    [Fact]
    public void a_click_without_a_path_cannot_be_encoded() =>
        Assert.Equal("path is missing", Assert.Throws<CodecException>(() => _codec.Encode(default, new ArrayBufferWriter<byte>())).Message);

    [Fact]
    public void decoding_a_known_path_allocates_nothing()
    {
        var bytes = """{"path":"/cart","status":503,"user_id":42,"time":"2026-01-01T00:00:00.000Z","x":"y"}"""u8;
        _codec.Decode(bytes);
        var before = GC.GetAllocatedBytesForCurrentThread();

        for (var i = 0; i < 1000; i++)
        {
            _codec.Decode(bytes);
        }

        Assert.Equal(0, GC.GetAllocatedBytesForCurrentThread() - before);
    }
}
