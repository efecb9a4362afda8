using System.Globalization;
using TestKit;

namespace Integration.Tests.Support;

/// <summary>
/// Made-up clicks: the same seed makes the same ones. A third are errors; event times go forward, out of order by less than
/// the grace, but for a few that come hours late; JSON is written in more than one way.
/// </summary>
internal sealed class TestClicks(int seed, int partitions)
{
    private static readonly DateTime _start = new(2026, 3, 1, 8, 0, 0, DateTimeKind.Utc);
    private readonly Random _random = new(seed);
    private long _next;

    /// <summary>The next click, for a partition of its own choice.</summary>
    public TestMessage Next()
    {
        var id = _next++;
        var time = _start.AddMilliseconds((id * 20) + _random.Next(20_000));
        if (_random.Next(500) == 0)
        {
            time = _start.AddHours(-5);
        }

        var status = _random.Next(3) > 0 ? 200 : _random.Next(5) switch { 0 => 404, 1 => 400, 2 => 500, 3 => 503, _ => 418 };
        var path = $"/{_random.Next(12)}/page";
        var user = _random.Next(4) == 0 ? "" : string.Create(CultureInfo.InvariantCulture, $",\"user_id\":{_random.NextInt64()}");
        var json = _random.Next(10) switch
        {
            0 => Text($"{{ \"status\": {status} ,\"extra\":[{{\"path\":\"/no\",\"status\":599}}], \"time\":{Milliseconds(time)},\n\"path\":\"{path}\"{user}}}"),
            1 => Text($"{{\"path\":\"\\u002f{path[1..]}\",\"id\":{id},\"status\":{status},\"time\":\"{time:yyyy-MM-ddTHH:mm:ss.fff}Z\"{user}}}"),
            2 => Text($"{{\"time\":\"{time.AddHours(2):yyyy-MM-ddTHH:mm:ss.fff}+02:00\",\"path\":\"{path}\",\"status\":{status}{user}}}"),
            _ => Text($"{{\"path\":\"{path}\"{user},\"status\":{status},\"time\":\"{time:yyyy-MM-ddTHH:mm:ss.fff}Z\"}}"),
        };
        return TestMessage.Of(_random.Next(20) == 0 ? null : Text($"user-{_random.Next(100)}"), json, partition: _random.Next(partitions));
    }

    /// <summary>The next clicks.</summary>
    public IReadOnlyList<TestMessage> Take(int count) => [.. Enumerable.Range(0, count).Select(_ => Next())];

    private static string Text(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);

    private static long Milliseconds(DateTime time) => (long)(time - DateTime.UnixEpoch).TotalMilliseconds;
}
