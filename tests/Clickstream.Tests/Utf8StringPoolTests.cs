using System.Text;
using Streams.Processors;
using Xunit;

namespace Clickstream.Tests;

public sealed class Utf8StringPoolTests
{
    [Theory]
    [InlineData("a")]
    [InlineData("/cart")]
    [InlineData("12345678")]
    [InlineData("/products/123/reviews")]
    [InlineData("é😀")]
    public void the_same_bytes_give_the_same_string(string text)
    {
        var pool = new Utf8StringPool();

        var first = pool.Get(Encoding.UTF8.GetBytes(text));

        Assert.Equal(text, first);
        Assert.Same(first, pool.Get(Encoding.UTF8.GetBytes(text)));
    }

    [Fact]
    public void no_bytes_are_the_empty_string() => Assert.Equal("", new Utf8StringPool().Get([]));

    [Fact]
    public void a_text_that_is_too_long_is_not_kept()
    {
        var pool = new Utf8StringPool(maxBytes: 4);

        Assert.Same(pool.Get("1234"u8), pool.Get("1234"u8));
        Assert.Equal("12345", pool.Get("12345"u8));
        Assert.NotSame(pool.Get("12345"u8), pool.Get("12345"u8));
    }

    [Fact]
    public void more_texts_than_slots_stay_right()
    {
        var pool = new Utf8StringPool(capacity: 8);
        for (var round = 0; round < 3; round++)
        {
            for (var n = 0; n < 1000; n++)
            {
                Assert.Equal($"/path/{n}", pool.Get(Encoding.UTF8.GetBytes($"/path/{n}")));
            }
        }
    }

    [Fact]
    public void most_of_a_thousand_paths_stay_in_the_pool()
    {
        var pool = new Utf8StringPool();
        string[] Round() => [.. Enumerable.Range(0, 1000).Select(n => pool.Get(Encoding.UTF8.GetBytes($"/products/{n}")))];
        var first = Round();

        var kept = Round().Zip(first).Count(pair => ReferenceEquals(pair.First, pair.Second));

        Assert.InRange(kept, 900, 1000);
    }

    [Theory]
    [InlineData(1)]
    [InlineData((1 << 20) + 1)]
    public void its_capacity_is_limited(int capacity) => Assert.Throws<ArgumentOutOfRangeException>(() => new Utf8StringPool(capacity));

    [Fact]
    public void threads_may_share_it()
    {
        var pool = new Utf8StringPool(capacity: 64);

        Parallel.For(0, 4, worker =>
        {
            for (var n = 0; n < 50_000; n++)
            {
                var text = $"/{(n * (worker + 7)) % 300}";
                Assert.Equal(text, pool.Get(Encoding.UTF8.GetBytes(text)));
            }
        });
    }
}
