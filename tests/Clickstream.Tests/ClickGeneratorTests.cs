using System.Text;
using Newtonsoft.Json.Linq;
using Xunit;

namespace Clickstream.Tests;

public sealed class ClickGeneratorTests
{
    private static readonly DateTime Start = new(2026, 1, 1, 23, 59, 59, 990, DateTimeKind.Utc);

    private static List<string> Make(long seed, int count, double rate = 1000)
    {
        var generator = new ClickGenerator(seed, Start, rate);
        return [.. Enumerable.Range(0, count).Select(_ => Encoding.UTF8.GetString(generator.Next()) + "|" + Encoding.UTF8.GetString(generator.Key))];
    }

    [Fact]
    public void the_same_seed_makes_the_same_clicks() => Assert.Equal(Make(7, 10_000), Make(7, 10_000));

    [Fact]
    public void another_seed_makes_others() => Assert.NotEqual(Make(7, 10), Make(8, 10));

    [Fact]
    public void a_seed_means_the_same_clicks_in_every_version() => Assert.Equal(
        [
            """{"time":"2026-01-01T23:59:59.990Z","path":"/cart","status":200,"user_id":79870,"method":"GET","protocol":"HTTP/1.1","ip":"198.19.55.254","bytes":25270}|198.19.55.254""",
            """{"time":"2026-01-01T23:59:59.991Z","path":"/products","status":200,"method":"GET","protocol":"HTTP/1.1","ip":"198.19.119.0","bytes":6663}|198.19.119.0""",
        ],
        Make(1, 2));

    [Fact]
    public void event_time_goes_forward_at_the_rate()
    {
        var codec = new ClickCodec();
        var generator = new ClickGenerator(1, Start, 400);

        var times = Enumerable.Range(0, 1000).Select(_ => codec.Decode(generator.Next()).Time!.Value).ToList();

        Assert.Equal(Enumerable.Range(0, 1000).Select(n => Start.AddMilliseconds(Math.Floor(n * 2.5))), times);
    }

    [Fact]
    public void clicks_are_like_real_traffic()
    {
        const int Count = 200_000;
        var codec = new ClickCodec();
        var generator = new ClickGenerator(42, Start, 1000);
        var paths = new Dictionary<string, int>();
        var errors = 0;
        var bytes = 0L;
        for (var i = 0; i < Count; i++)
        {
            var json = generator.Next();
            bytes += json.Length;
            var click = codec.Decode(json);
            errors += click.Status >= 400 ? 1 : 0;
            paths[click.Path] = paths.GetValueOrDefault(click.Path) + 1;
        }

        var counts = paths.Values.OrderDescending().ToList();
        Assert.Equal(ClickGenerator.PathCount, counts.Count);
        Assert.InRange(errors, Count * 0.135, Count * 0.145);
        Assert.InRange(bytes / Count, 135, 165);

        // Zipf's law: 1,000 paths share a harmonic sum of 7.485.
        Assert.InRange(counts[0], Count / 7.485 * 0.97, Count / 7.485 * 1.03);
        Assert.InRange(counts[9], Count / 74.85 * 0.9, Count / 74.85 * 1.1);
        Assert.Equal(counts[0], paths["/"]);
    }

    [Fact]
    public void the_key_is_the_address_in_the_click()
    {
        var generator = new ClickGenerator(3, Start, 1000);
        for (var i = 0; i < 1000; i++)
        {
            var click = JObject.Parse(Encoding.UTF8.GetString(generator.Next()));

            Assert.Equal((string?)click["ip"], Encoding.UTF8.GetString(generator.Key));
        }
    }

    [Fact]
    public async Task a_source_of_generated_clicks_ends_after_its_number()
    {
        var source = new GeneratedClicks(new ClickGenerator(1, Start, 1000), 3);
        var clicks = new List<string>();
        while (await source.MoveNextAsync(TestContext.Current.CancellationToken))
        {
            clicks.Add(Encoding.UTF8.GetString(source.Value) + "|" + Encoding.UTF8.GetString(source.Key));
        }

        Assert.Equal(Make(1, 3), clicks);
    }
}
