using System.Globalization;
using System.Text;
using Newtonsoft.Json;
using Newtonsoft.Json.Linq;
using Streams;
using Xunit;

namespace Clickstream.Tests;

/// <summary>The codec against Newtonsoft.Json on made-up documents, and its two ways of reading against each other.</summary>
public sealed class ClickCodecPropertyTests
{
    private const int Seeds = 40;
    private const int DocumentsPerSeed = 500;

    public static TheoryData<int> AllSeeds => [.. Enumerable.Range(1, Seeds)];

    [Theory]
    [MemberData(nameof(AllSeeds))]
    public void a_click_is_what_another_parser_reads(int seed)
    {
        var documents = new RandomClickJson(seed);
        var codec = new ClickCodec();
        for (var i = 0; i < DocumentsPerSeed; i++)
        {
            var json = documents.Next();
            var expected = Oracle(json);

            var actual = codec.Decode(Encoding.UTF8.GetBytes(json));

            Assert.True(expected == actual, $"seed {seed}, document {i}: {json}\nexpected {expected}\nactual   {actual}");
        }
    }

    [Theory]
    [MemberData(nameof(AllSeeds))]
    public void mutated_bytes_throw_nothing_but_codec_exceptions(int seed)
    {
        var random = new Random(seed);
        var documents = new RandomClickJson(seed);
        var codec = new ClickCodec();
        var refused = 0;
        for (var i = 0; i < DocumentsPerSeed; i++)
        {
            var bytes = Mutate(Encoding.UTF8.GetBytes(documents.Next()), random);
            try
            {
                codec.Decode(bytes);
            }
            catch (CodecException e)
            {
                Assert.NotEmpty(e.Message);
                refused++;
            }
            catch (Exception e)
            {
                Assert.Fail($"seed {seed}, document {i}: {Convert.ToHexString(bytes)} throws {e}");
            }
        }

        Assert.InRange(refused, DocumentsPerSeed / 10, DocumentsPerSeed);
    }

    [Theory]
    [MemberData(nameof(AllSeeds))]
    public void what_the_quick_scan_takes_the_full_reader_takes_alike(int seed)
    {
        var random = new Random(seed);
        var documents = new RandomClickJson(seed) { Plain = true };
        var taken = 0;
        for (var i = 0; i < DocumentsPerSeed * 4; i++)
        {
            var bytes = Encoding.UTF8.GetBytes(documents.Next());
            if (i % 2 == 0)
            {
                bytes = Mutate(bytes, random, mutations: 1);
            }

            var quick = default(ClickMembers);
            if (!System.Text.Unicode.Utf8.IsValid(bytes) || !quick.TryScan(bytes))
            {
                continue;
            }

            taken++;
            var full = default(ClickMembers);
            Assert.True(full.Read(bytes));
            Assert.Equal((full.Path, full.Status, full.UserId, full.Time), (quick.Path, quick.Status, quick.UserId, quick.Time));
        }

        Assert.InRange(taken, DocumentsPerSeed, DocumentsPerSeed * 4);
    }

    private static byte[] Mutate(byte[] bytes, Random random, int mutations = 3)
    {
        var result = bytes.ToList();
        for (var n = random.Next(1, mutations + 1); n > 0 && result.Count > 0; n--)
        {
            var at = random.Next(result.Count);
            switch (random.Next(6))
            {
                case 0:
                    result[at] = (byte)random.Next(256);
                    break;
                case 1:
                    result[at] ^= (byte)(1 << random.Next(8));
                    break;
                case 2:
                    result.RemoveAt(at);
                    break;
                case 3:
                    result.Insert(at, "\\\"{}[]:,u0dD89-.eE+ \0"u8[random.Next(21)]);
                    break;
                case 4:
                    result.RemoveRange(at, result.Count - at);
                    break;
                default:
                    result.InsertRange(at, result.GetRange(random.Next(result.Count), 1));
                    break;
            }
        }

        return [.. result];
    }

    private static Click Oracle(string json)
    {
        using var reader = new JsonTextReader(new StringReader(json)) { DateParseHandling = DateParseHandling.None };
        var members = JObject.Load(reader, new JsonLoadSettings { DuplicatePropertyNameHandling = DuplicatePropertyNameHandling.Replace });
        var time = members["time"];
        return new Click(
            (string)members["path"]!,
            (int)members["status"]!,
            (long?)members["user_id"],
            time is null || time.Type == JTokenType.Null ? null
            : time.Type == JTokenType.Integer ? DateTime.UnixEpoch.AddMilliseconds((long)time)
            : DateTime.Parse((string)time!, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal));
    }
}
