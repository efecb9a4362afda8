namespace Streams;

/// <summary>Starts the declaration of tumbling windows.</summary>
/// <example><c>Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1))</c></example>
public static class Tumbling
{
    /// <summary>Windows of one length that follow each other without gap or overlap, aligned to 1970-01-01T00:00:00Z.</summary>
    /// <param name="size">The length of a window; at least one millisecond. Grace is 24 hours until set.</param>
    public static TumblingWindows Of(TimeSpan size) => new(size, TimeSpan.FromHours(24));
}

/// <summary>
/// Fixed windows without overlap. A record belongs to the window <c>[start, start + size)</c> with
/// <c>start = time - (time mod size)</c>, counted from 1970-01-01T00:00:00Z.
/// </summary>
public sealed class TumblingWindows
{
    /// <summary>The key column that holds a window's start.</summary>
    internal const string StartColumn = "window_start";

    internal TumblingWindows(TimeSpan size, TimeSpan grace)
    {
        Size = size;
        Grace = grace;
    }

    /// <summary>The length of a window.</summary>
    public TimeSpan Size { get; }

    /// <summary>How long past its end, in stream time, a window still takes records. Default: 24 hours, as in Kafka Streams.</summary>
    public TimeSpan Grace { get; }

    /// <summary>The same windows with another grace. Zero or more.</summary>
    public TumblingWindows WithGrace(TimeSpan grace) => new(Size, grace);

    /// <summary>The start of the window that <paramref name="time"/> falls into.</summary>
    public DateTime StartOf(DateTime time)
    {
        var sinceEpoch = time.Ticks - DateTime.UnixEpoch.Ticks;
        var intoWindow = sinceEpoch % Size.Ticks;
        return new DateTime(time.Ticks - (intoWindow < 0 ? intoWindow + Size.Ticks : intoWindow), DateTimeKind.Utc);
    }

    /// <summary>Whether the window that starts at <paramref name="start"/> no longer takes records at this stream time.</summary>
    public bool IsClosed(DateTime start, DateTime streamTime)
    {
        // No sum of size and grace: with a grace without bound it would overflow.
        var open = streamTime.Ticks - start.Ticks;
        return open >= Size.Ticks && open - Size.Ticks >= Grace.Ticks;
    }

    internal IEnumerable<string> Problems()
    {
        if (Size < TimeSpan.FromMilliseconds(1))
        {
            yield return $"the window size is {Size}; it must be at least one millisecond";
        }

        if (Grace < TimeSpan.Zero)
        {
            yield return $"the grace is {Grace}; it must be zero or more";
        }
    }
}
