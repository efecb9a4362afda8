using System.Buffers;

namespace Streams.Processors.Tests;

public sealed class CodecTests
{
    private static byte[] Encode<T>(ICodec<T> codec, T value)
    {
        var output = new ArrayBufferWriter<byte>();
        codec.Encode(value, output);
        return output.WrittenSpan.ToArray();
    }

    private static string Refusal<T>(ICodec<T> codec, params byte[] bytes) => Assert.Throws<CodecException>(() => codec.Decode(bytes)).Message;

    [Theory]
    [InlineData("")]
    [InlineData("/cart")]
    [InlineData("Zürich 北京 \U0001F600")]
    [InlineData("a\0b")]
    public void text_survives_the_way_through_utf8(string text)
    {
        Assert.Equal(System.Text.Encoding.UTF8.GetBytes(text), Encode(Codecs.Utf8, text));
        Assert.Equal(text, Codecs.Utf8.Decode(Encode(Codecs.Utf8, text)));
    }

    [Fact]
    public void text_that_is_not_utf8_is_refused_both_ways()
    {
        Assert.Equal("The text is not valid UTF-8 at byte 1.", Refusal(Codecs.Utf8, 0x61, 0xFF, 0x62));
        Assert.Equal("The text is not valid UTF-8 at byte 0.", Refusal(Codecs.Utf8, 0xC0, 0x80));
        Assert.Equal("The text holds half a surrogate pair at character 1.", Assert.Throws<CodecException>(() => Encode(Codecs.Utf8, "a\uD800b")).Message);
    }

    [Fact]
    public void numbers_are_written_as_kafkas_serializers_write_them()
    {
        Assert.Equal([0xFF, 0xFF, 0xFF, 0xFE], Encode(Codecs.Int32, -2));
        Assert.Equal([0, 0, 0, 0, 0, 0, 1, 2], Encode(Codecs.Int64, 258));
        Assert.Equal([0x3F, 0xF8, 0, 0, 0, 0, 0, 0], Encode(Codecs.Double, 1.5));
        Assert.Equal("6f9619ff-8b86-d011-b42d-00c04fc964ff"u8.ToArray(), Encode(Codecs.Guid, System.Guid.Parse("6f9619ff-8b86-d011-b42d-00c04fc964ff")));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(long.MinValue)]
    [InlineData(long.MaxValue)]
    public void numbers_survive_the_way_through_bytes(long number)
    {
        Assert.Equal(number, Codecs.Int64.Decode(Encode(Codecs.Int64, number)));
        Assert.Equal((int)number, Codecs.Int32.Decode(Encode(Codecs.Int32, (int)number)));
        var real = BitConverter.Int64BitsToDouble(number);
        Assert.Equal(number, BitConverter.DoubleToInt64Bits(Codecs.Double.Decode(Encode(Codecs.Double, real))));
    }

    [Fact]
    public void numbers_of_another_length_are_refused()
    {
        Assert.Equal("4 bytes make one int32; here are 3.", Refusal(Codecs.Int32, 1, 2, 3));
        Assert.Equal("8 bytes make one int64; here are 0.", Refusal(Codecs.Int64));
        Assert.Equal("8 bytes make one double; here are 9.", Refusal(Codecs.Double, 1, 2, 3, 4, 5, 6, 7, 8, 9));
    }

    [Theory]
    [InlineData("6f9619ff-8b86-d011-b42d-00c04fc964ff ")]
    [InlineData("{6f9619ff-8b86-d011-b42d-00c04fc964ff}")]
    [InlineData("6f9619ff8b86d011b42d00c04fc964ff")]
    [InlineData("")]
    public void a_uuid_has_one_form(string text) =>
        Assert.Equal("The text is not a UUID of the form 00000000-0000-0000-0000-000000000000.", Refusal(Codecs.Guid, System.Text.Encoding.UTF8.GetBytes(text)));

    [Fact]
    public void bytes_are_themselves_and_not_the_buffer_they_came_in()
    {
        byte[] source = [1, 2, 3];
        var decoded = Codecs.Bytes.Decode(source);
        source[0] = 9;
        Assert.Equal([1, 2, 3], decoded);
        Assert.Equal([1, 2, 3], Encode(Codecs.Bytes, decoded));
    }

    [Fact]
    public void a_nullable_codec_takes_null_and_is_otherwise_the_same()
    {
        var text = Codecs.Nullable(Codecs.Utf8);
        Assert.False(Codecs.Utf8.AcceptsNull);
        Assert.True(text.AcceptsNull);
        Assert.Equal("utf8?", text.Name);
        Assert.Equal("a", text.Decode("a"u8));
        Assert.Equal("a"u8.ToArray(), Encode(text, "a"));

        var number = Codecs.NullableValue(Codecs.Int32);
        Assert.True(number.AcceptsNull);
        Assert.Equal("int32?", number.Name);
        Assert.Equal(7, number.Decode([0, 0, 0, 7]));
        Assert.Equal([0, 0, 0, 7], Encode(number, (int?)7));
    }
}
