namespace Streams.Hosting.Runtime;

/// <summary>
/// Growing waits between tries: 100 ms, doubling to 5 s, each cut by a random part of up to a half, so that nodes that
/// failed together do not come back together.
/// </summary>
internal sealed class Backoff(NodeSurroundings surroundings)
{
    private static readonly TimeSpan _first = TimeSpan.FromMilliseconds(100);
    private static readonly TimeSpan _longest = TimeSpan.FromSeconds(5);
    private TimeSpan _next = _first;

    public Task WaitAsync(CancellationToken cancellation)
    {
        var wait = _next * (1 - (surroundings.Random.NextDouble() / 2));
        _next = _next * 2 < _longest ? _next * 2 : _longest;
        return Task.Delay(wait, surroundings.Time, cancellation);
    }

    public void Reset() => _next = _first;
}
