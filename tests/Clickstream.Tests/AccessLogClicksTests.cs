using System.Text;
using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clickstream.Tests;

public sealed class AccessLogClicksTests
{
    private readonly List<(long Line, string Reason)> _skipped = [];

    private static string Line(int n) => $"""192.0.2.{n} - - [17/May/2015:10:05:0{n} +0000] "GET /{n} HTTP/1.1" 200 1""";

    private AccessLogClicks Clicks(string log, bool loop = false, TimeProvider? clock = null) =>
        new(() => new MemoryStream(Encoding.UTF8.GetBytes(log)), loop, clock, (line, reason) => _skipped.Add((line, reason)));

    private static async Task<List<(string Key, string Path, DateTime Time)>> Take(AccessLogClicks clicks, int limit = int.MaxValue)
    {
        var codec = new ClickCodec();
        var taken = new List<(string, string, DateTime)>();
        while (taken.Count < limit && await clicks.MoveNextAsync(TestContext.Current.CancellationToken))
        {
            var click = codec.Decode(clicks.Value);
            taken.Add((Encoding.UTF8.GetString(clicks.Key), click.Path, click.Time!.Value));
        }

        return taken;
    }

    private static DateTime Second(int n) => new(2015, 5, 17, 10, 5, n, DateTimeKind.Utc);

    [Theory]
    [InlineData("\n", "")]
    [InlineData("\n", "\n")]
    [InlineData("\r\n", "\r\n")]
    [InlineData("\n\n\r\n", "\n\n")]
    public async Task each_line_is_a_click_with_its_address_as_key(string lineBreak, string end)
    {
        using var clicks = Clicks(string.Join(lineBreak, Line(1), Line(2), Line(3)) + end);

        Assert.Equal([("192.0.2.1", "/1", Second(1)), ("192.0.2.2", "/2", Second(2)), ("192.0.2.3", "/3", Second(3))], await Take(clicks));
        Assert.Equal(0, clicks.Skipped);
    }

    [Fact]
    public async Task lines_that_are_no_clicks_are_counted_and_told()
    {
        using var clicks = Clicks($"hello\n{Line(1)}\n\n{new string('x', 3 << 20)}\n{Line(2)}\nhello world");

        Assert.Equal(["/1", "/2"], (await Take(clicks)).Select(c => c.Path));
        Assert.Equal(3, clicks.Skipped);
        Assert.Equal([(1, "there is no client address"), (4, "the line is too long"), (6, "there is no time in brackets")], _skipped);
    }

    [Fact]
    public async Task a_loop_begins_again_at_the_end()
    {
        using var clicks = Clicks($"{Line(1)}\n{Line(2)}\n", loop: true);

        Assert.Equal(["/1", "/2", "/1", "/2", "/1"], (await Take(clicks, 5)).Select(c => c.Path));
    }

    [Fact]
    public async Task a_loop_over_a_log_without_clicks_ends()
    {
        using var clicks = Clicks("hello\n", loop: true);

        Assert.Empty(await Take(clicks));
    }

    [Fact]
    public async Task a_clock_gives_the_event_times_if_asked_to()
    {
        var now = new DateTimeOffset(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);
        using var clicks = Clicks($"{Line(1)}\n", clock: new FakeTimeProvider(now));

        Assert.Equal([("192.0.2.1", "/1", now.UtcDateTime)], await Take(clicks));
    }

    [Fact]
    public async Task lines_may_come_in_any_portions()
    {
        var log = string.Join("\r\n", Enumerable.Range(1, 9).Select(Line));
        var random = new Random(5);
        for (var round = 0; round < 50; round++)
        {
            using var clicks = new AccessLogClicks(
                () => new Portions(Encoding.UTF8.GetBytes(log), random), loop: false, clock: null, (_, reason) => Assert.Fail(reason));

            Assert.Equal(Enumerable.Range(1, 9).Select(n => $"/{n}"), (await Take(clicks)).Select(c => c.Path));
        }
    }

    [Fact]
    public async Task waiting_for_input_can_be_given_up()
    {
        using var clicks = new AccessLogClicks(() => new Silence(), loop: false, clock: null, (_, _) => { });
        using var cancellation = new CancellationTokenSource();
        var waiting = clicks.MoveNextAsync(cancellation.Token).AsTask();

        await cancellation.CancelAsync();

        await Assert.ThrowsAnyAsync<OperationCanceledException>(() => waiting);
    }

    /// <summary>Gives a few bytes at a time.</summary>
    private sealed class Portions(byte[] bytes, Random random) : MemoryStream(bytes)
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            base.ReadAsync(buffer[..Math.Min(buffer.Length, random.Next(1, 30))], cancellationToken);
    }

    /// <summary>Never gives anything, and cannot be cancelled: standard input, when nobody types.</summary>
    private sealed class Silence : MemoryStream
    {
        public override ValueTask<int> ReadAsync(Memory<byte> buffer, CancellationToken cancellationToken = default) =>
            new(new TaskCompletionSource<int>().Task);
    }
}
