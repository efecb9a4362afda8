using Clickstream;

namespace Streams.Bench.Micro;

/// <summary>Clicks as the generator makes them, for benchmarks that go through a thousand of them at a time.</summary>
internal static class Clicks
{
    public const int Count = 1000;

    private static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public static byte[][] Values()
    {
        var generator = new ClickGenerator(1, Start, 20_000);
        return [.. Enumerable.Range(0, Count).Select(_ => generator.Next().ToArray())];
    }
}
