using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Streams.Processors.Tests;

/// <summary>The quick reader of flat objects against the reader for any JSON.</summary>
public sealed class FlatJsonTests
{
    private const int Documents = 2_000;

    public static TheoryData<int> Seeds => [.. Enumerable.Range(1, 20)];

    private static readonly string[] _values =
    [
        "0", "7", "-1", "-0", "503", "1.5", "-0.25", "1e9", "2E+3", "3e-4", "0.0", "18446744073709551616", "true", "false", "null",
        "\"\"", "\"/cart\"", "\"a b\"", "\"{},:[]\"", "\"ä€😀\"", "\"2026-01-01T00:00:00.000Z\"", "\"\u007f\"",
    ];

    private static readonly string[] _unplain =
    [
        "{}", "[]", "[1]", "null", "\"text\"", "{\"a\":{}}", "{\"a\":[1]}", "{\"a\":\"\\n\"}", "{\"\\u0061\":1}", "{\n\"a\":1}", "{\"a\":\t1}",
    ];

    private static readonly string[] _wrong =
    [
        "", " ", "{", "}", "{\"a\"}", "{\"a\":}", "{\"a\":1", "{\"a\":1,}", "{,\"a\":1}", "{\"a\" 1}", "{\"a\":1 2}", "{\"a\":1}}", "{\"a\":1}x", "{a:1}",
        "{\"a\":01}", "{\"a\":-}", "{\"a\":1.}", "{\"a\":.5}", "{\"a\":1e}", "{\"a\":1e+}", "{\"a\":+1}", "{\"a\":--1}", "{\"a\":-01}", "{\"a\":0x1}",
        "{\"a\":tru}", "{\"a\":nul", "{\"a\":NaN}", "{\"a\":\"b}", "{\"a\":\"b\"\"c\"}", "{\"a\":\"\u0001\"}", "{'a':1}",
    ];

    public static TheoryData<string> Unplain => [.. _unplain];

    public static TheoryData<string> Wrong => [.. _wrong];

    private static string? Read(ReadOnlySpan<byte> json)
    {
        Span<FlatJsonMember> members = stackalloc FlatJsonMember[FlatJson.MaxMembers];
        if (!FlatJson.TryRead(json, members, out var count))
        {
            return null;
        }

        var text = new StringBuilder();
        foreach (var member in members[..count])
        {
            text.Append(CultureInfo.InvariantCulture, $"{Encoding.UTF8.GetString(member.Name(json))}:{member.Kind}:{Encoding.UTF8.GetString(member.Value(json))}\n");
        }

        return text.ToString();
    }

    private static string? Expected(byte[] json)
    {
        try
        {
            using var document = JsonDocument.Parse(json);
            return string.Concat(document.RootElement.EnumerateObject().Select(m => m.Value.ValueKind switch
            {
                JsonValueKind.String => $"{m.Name}:Text:{m.Value.GetString()}\n",
                var kind => $"{m.Name}:{kind}:{m.Value.GetRawText()}\n",
            }));
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            return null;
        }
    }

    /// <summary>Flat objects of any length, so that texts lie across the blocks that are read at once.</summary>
    private static string Document(Random random)
    {
        string Space() => new(' ', random.Next(8) == 0 ? random.Next(4) : 0);
        var members = Enumerable.Range(0, 1 + random.Next(10)).Select(_ =>
        {
            var name = new string((char)('a' + random.Next(26)), random.Next(70));
            var value = random.Next(4) == 0 ? $"\"{new string('x', random.Next(200))}\"" : _values[random.Next(_values.Length)];
            return $"{Space()}\"{name}\"{Space()}:{Space()}{value}{Space()}";
        });
        return $"{Space()}{{{string.Join(",", members)}}}{Space()}";
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void what_is_flat_and_plain_is_read_as_another_reader_reads_it(int seed)
    {
        var random = new Random(seed);
        for (var i = 0; i < Documents; i++)
        {
            var json = Encoding.UTF8.GetBytes(Document(random));
            var read = Read(json);
            Assert.True(read is not null, $"seed {seed}, document {i} is refused: {Encoding.UTF8.GetString(json)}");
            Assert.Equal(Expected(json), read);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds))]
    public void what_is_taken_after_a_byte_has_changed_is_what_another_reader_takes(int seed)
    {
        var random = new Random(seed);
        var refused = 0;
        for (var i = 0; i < Documents; i++)
        {
            var json = Encoding.UTF8.GetBytes(Document(random));
            json[random.Next(json.Length)] = random.Next(3) == 0 ? (byte)random.Next(256) : "\"\\{}[],: 01-.eE\0\n"u8[random.Next(17)];
            if (Read(json) is { } read)
            {
                Assert.True(Expected(json) == read, $"seed {seed}, document {i}: {Encoding.UTF8.GetString(json)}\nread as\n{read}");
            }
            else
            {
                refused++;
            }
        }

        Assert.InRange(refused, Documents / 10, Documents - (Documents / 10));
    }

    [Theory]
    [MemberData(nameof(Unplain))]
    public void other_json_is_left_to_another_reader(string json) => Assert.Null(Read(Encoding.UTF8.GetBytes(json)));

    [Theory]
    [MemberData(nameof(Wrong))]
    public void what_is_no_json_is_refused(string json)
    {
        Assert.Null(Expected(Encoding.UTF8.GetBytes(json)));
        Assert.Null(Read(Encoding.UTF8.GetBytes(json)));
    }

    [Fact]
    public void bytes_that_are_no_utf8_are_refused_wherever_they_are()
    {
        var json = "{\"name\":\"0123456789012345678901234567890123456789012345678901234567890123456789\",\"last\":\"x\"}"u8.ToArray();
        for (var at = 9; at < 70; at++)
        {
            var broken = json.ToArray();
            broken[at] = 0xFF;
            Assert.Null(Read(broken));
        }

        Assert.NotNull(Read(json));
    }

    [Fact]
    public void more_members_than_there_is_room_for_are_refused()
    {
        Span<FlatJsonMember> two = stackalloc FlatJsonMember[2];
        Assert.True(FlatJson.TryRead("{\"a\":1,\"b\":2}"u8, two, out var count));
        Assert.Equal(2, count);
        Assert.False(FlatJson.TryRead("{\"a\":1,\"b\":2,\"c\":3}"u8, two, out _));
    }

    [Fact]
    public void documents_beyond_the_limit_are_refused()
    {
        string Of(int bytes) => $"{{\"a\":\"{new string('x', bytes - 8)}\"}}";
        Assert.NotNull(Read(Encoding.UTF8.GetBytes(Of(FlatJson.MaxBytes))));
        Assert.Null(Read(Encoding.UTF8.GetBytes(Of(FlatJson.MaxBytes + 1))));
    }
}
