using Clickstream;

namespace Streams.Bench.Input;

/// <summary>Which clicks the input consists of: the same for the same values.</summary>
/// <param name="Seed">What makes this traffic different from other traffic.</param>
/// <param name="Start">Event time of the first click, UTC.</param>
/// <param name="ClicksPerSecond">How many clicks share a second of event time.</param>
/// <param name="Clicks">How many there are.</param>
internal sealed record Traffic(long Seed, DateTime Start, double ClicksPerSecond, long Clicks)
{
    /// <summary>As a busy site has them. It says how many windows there are to count in.</summary>
    public const double UsualClicksPerSecond = 20_000;

    /// <summary>Traffic that has just ended: nothing in it is in the future.</summary>
    public static Traffic Until(DateTime end, long seed, long clicks) =>
        new(seed, end.AddSeconds(-clicks / UsualClicksPerSecond), UsualClicksPerSecond, clicks);

    public ClickGenerator Generator() => new(Seed, Start, ClicksPerSecond);
}
