using System.Buffers;
using System.Text;
using System.Text.Json.Serialization;
using Newtonsoft.Json.Linq;

namespace Streams.Processors.Tests;

public sealed record Order(string Id, int Quantity, DateTime? At);

[JsonSerializable(typeof(Order))]
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.CamelCase)]
internal sealed partial class OrderJson : JsonSerializerContext;

public sealed class JsonCodecTests
{
    private static readonly ICodec<Order> Newtonsoft = Codecs.Json<Order>();
    private static readonly ICodec<Order> Fast = Codecs.FastJson(OrderJson.Default.Order);

    private static string Encode<T>(ICodec<T> codec, T value)
    {
        var output = new ArrayBufferWriter<byte>();
        codec.Encode(value, output);
        return Encoding.UTF8.GetString(output.WrittenSpan);
    }

    private static T Decode<T>(ICodec<T> codec, string json) => codec.Decode(Encoding.UTF8.GetBytes(json));

    private static string Refusal<T>(ICodec<T> codec, params byte[] json) => Assert.Throws<CodecException>(() => codec.Decode(json)).Message;

    private static string Refusal<T>(ICodec<T> codec, string json) => Refusal(codec, Encoding.UTF8.GetBytes(json));

    [Fact]
    public void values_survive_the_way_through_json()
    {
        var order = new Order("Zürich \"1\" \U0001F600", 3, new DateTime(2026, 1, 2, 3, 4, 5, DateTimeKind.Utc));
        Assert.Equal(order, Decode(Newtonsoft, Encode(Newtonsoft, order)));
        Assert.Equal(order, Decode(Fast, Encode(Fast, order)));
        Assert.Equal("""{"Id":"a","Quantity":1,"At":null}""", Encode(Newtonsoft, new Order("a", 1, null)));
        Assert.Equal("""{"id":"a","quantity":1,"at":null}""", Encode(Fast, new Order("a", 1, null)));
    }

    [Fact]
    public void a_value_larger_than_any_inner_buffer_survives()
    {
        var order = new Order(string.Concat(Enumerable.Repeat("\U0001F600é", 50_000)), 1, null);
        Assert.Equal(order, Decode(Newtonsoft, Encode(Newtonsoft, order)));
        Assert.Equal(order, Decode(Fast, Encode(Fast, order)));
    }

    [Theory]
    [InlineData("""{"Id":"a","Quantity":1} x""")]
    [InlineData("""{"Id":"a","Quantity":1}{"Id":"b"}""")]
    [InlineData("""{"Id":"a","Quantity":""")]
    [InlineData("""{"Id":"a","Quantity":"many"}""")]
    [InlineData("null")]
    [InlineData("")]
    [InlineData("  ")]
    [InlineData("[]")]
    public void what_is_not_exactly_one_value_is_refused(string json)
    {
        Assert.NotEmpty(Refusal(Newtonsoft, json));
        Assert.NotEmpty(Refusal(Fast, json.Replace("Id", "id", StringComparison.Ordinal).Replace("Quantity", "quantity", StringComparison.Ordinal)));
    }

    [Fact]
    public void a_refusal_says_where_and_why()
    {
        Assert.Equal("Could not convert string to integer: many. Path 'Quantity', line 1, position 27.", Refusal(Newtonsoft, """{"Id":"a","Quantity":"many"}"""));
        Assert.Equal("Additional text encountered after finished reading JSON content: x. Path '', line 1, position 24.", Refusal(Newtonsoft, """{"Id":"a","Quantity":1} x"""));
        Assert.Equal(
            "The JSON value could not be converted to Streams.Processors.Tests.Order. Path: $.quantity | LineNumber: 0 | BytePositionInLine: 27.",
            Refusal(Fast, """{"id":"a","quantity":"many"}"""));
        Assert.Equal("The JSON is null.", Refusal(Newtonsoft, "null"));
        Assert.Equal("The JSON is null.", Refusal(Fast, "null"));
        Assert.Equal("The JSON is empty.", Refusal(Newtonsoft, ""));
    }

    [Fact]
    public void text_that_is_not_utf8_is_refused()
    {
        Assert.Equal("The text is not valid UTF-8 at byte 7.", Refusal(Newtonsoft, [.. "{\"Id\":\""u8, 0xFF, .. "\"}"u8]));
        Assert.NotEmpty(Refusal(Fast, [.. "{\"id\":\""u8, 0xFF, .. "\"}"u8]));
        Assert.Equal("The text holds half a surrogate pair.", Assert.Throws<CodecException>(() => Encode(Newtonsoft, new Order("\uD800", 1, null))).Message);
    }

    [Fact]
    public void what_looks_like_a_date_or_a_reference_stays_as_it_is()
    {
        const string Json = """{"when":"2026-01-01T00:00:00+05:00","$type":"System.Object","$ref":"1"}""";
        Assert.Equal(Json, Encode(Codecs.Json<JObject>(), Decode(Codecs.Json<JObject>(), Json)));
        Assert.Equal("2026-01-01T00:00:00+05:00", Decode(Codecs.Json<Dictionary<string, object>>(), Json)["when"]);
    }

    [Fact]
    public void settings_are_the_callers_and_trailing_text_is_refused_under_any()
    {
        var codec = Codecs.Json<Order>(new() { MissingMemberHandling = global::Newtonsoft.Json.MissingMemberHandling.Error });
        Assert.StartsWith("Could not find member 'extra'", Refusal(codec, """{"Id":"a","extra":1}"""), StringComparison.Ordinal);
        Assert.StartsWith("Additional text", Refusal(codec, """{"Id":"a"} 1"""), StringComparison.Ordinal);
    }

    [Fact]
    public void a_value_that_failed_leaves_nothing_before_the_next()
    {
        var codec = Codecs.FastJson(NodeJson.Default.Node);
        var node = new Node();
        node.Next = node;
        Assert.Throws<CodecException>(() => Encode(codec, node));
        Assert.Equal("""{"Next":null}""", Encode(codec, new Node()));
    }

    [Fact]
    public void one_codec_serves_many_threads()
    {
        Parallel.For(0, 2_000, i =>
        {
            var order = new Order($"order {i}", i, null);
            Assert.Equal(order, Decode(Newtonsoft, Encode(Newtonsoft, order)));
            Assert.Equal(order, Decode(Fast, Encode(Fast, order)));
        });
    }
}

public sealed class Node
{
    public Node? Next { get; set; }
}

[JsonSerializable(typeof(Node))]
internal sealed partial class NodeJson : JsonSerializerContext;
