namespace Clickstream;

/// <summary>A rate over the last seconds, from a running total. Not thread-safe.</summary>
/// <param name="span">Over how long.</param>
internal sealed class RateMeter(TimeSpan span)
{
    private readonly Queue<(TimeSpan Time, long Total)> _samples = new();

    /// <summary>Adds a total, and says how fast it grew.</summary>
    /// <param name="now">The time, on any clock that goes forward.</param>
    /// <param name="total">The total.</param>
    public double PerSecond(TimeSpan now, long total)
    {
        _samples.Enqueue((now, total));
        while (_samples.Count > 2 && now - _samples.Peek().Time > span)
        {
            _samples.Dequeue();
        }

        var (time, first) = _samples.Peek();
        return now > time ? (total - first) / (now - time).TotalSeconds : 0;
    }
}
