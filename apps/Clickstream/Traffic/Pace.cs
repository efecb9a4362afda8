namespace Clickstream;

/// <summary>
/// Spreads calls evenly at a rate. Whoever falls behind may catch up with what one second allows at most, so that a source that
/// paused for long does not send it all at once.
/// </summary>
/// <param name="perSecond">The rate; <c>null</c> for as fast as it goes.</param>
/// <param name="clock">The clock to wait by.</param>
internal sealed class Pace(double? perSecond, TimeProvider clock)
{
    private static readonly TimeSpan ShortestWait = TimeSpan.FromMilliseconds(1);

    private long? _start;
    private double _dueSeconds;

    /// <summary>Waits until the next call is due. The first one is due at once.</summary>
    public ValueTask WaitAsync(CancellationToken cancellation)
    {
        if (perSecond is not { } rate)
        {
            return ValueTask.CompletedTask;
        }

        var now = clock.GetElapsedTime(_start ??= clock.GetTimestamp()).TotalSeconds;
        var due = Math.Max(_dueSeconds, now - 1);
        _dueSeconds = due + (1 / rate);
        var wait = TimeSpan.FromSeconds(due - now);
        return wait < ShortestWait ? ValueTask.CompletedTask : new ValueTask(Task.Delay(wait, clock, cancellation));
    }
}
