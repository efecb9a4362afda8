namespace Streams;

/// <summary>Starts the declaration of tumbling windows.</summary>
/// <example><c>Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1))</c></example>
public static class Tumbling
{
    /// <summary>Windows of one length that follow each other without gap or overlap, aligned to 1970-01-01T00:00:00Z.</summary>
    /// <param name="size">The length of a window; at least one millisecond. Grace is 24 hours until set.</param>
    public static TimeWindows Of(TimeSpan size) => new(size, size, Windows.DefaultGrace);
}

/// <summary>Starts the declaration of hopping windows.</summary>
/// <example><c>Hopping.Of(TimeSpan.FromHours(1), TimeSpan.FromMinutes(5)).WithGrace(TimeSpan.FromMinutes(1))</c></example>
public static class Hopping
{
    /// <summary>Windows of one length, of which a new one starts every <paramref name="advance"/>: they overlap, and a record belongs to several.</summary>
    /// <param name="size">The length of a window; at most 1,440 times the advance, since a record changes a row for each of its windows.</param>
    /// <param name="advance">From one window's start to the next one's; at least one millisecond, at most the size. Grace is 24 hours until set.</param>
    public static TimeWindows Of(TimeSpan size, TimeSpan advance) => new(size, advance, Windows.DefaultGrace);
}

/// <summary>
/// Fixed windows of event time, as Kafka Streams' own: a record belongs to each window <c>[start, start + size)</c> that holds its time, where
/// starts are the multiples of the advance since 1970-01-01T00:00:00Z. No window starts before that.
/// </summary>
public sealed class TimeWindows : Windows
{
    /// <summary>The key column that holds a window's start.</summary>
    internal const string StartColumn = "window_start";

    /// <summary>A day by the minute.</summary>
    internal const int MaxWindowsPerRecord = 24 * 60;

    internal TimeWindows(TimeSpan size, TimeSpan advance, TimeSpan grace) : base(grace) => (Size, Advance) = (size, advance);

    /// <summary>The length of a window.</summary>
    public TimeSpan Size { get; }

    /// <summary>From one window's start to the next one's. Tumbling windows advance by their size.</summary>
    public TimeSpan Advance { get; }

    /// <summary>The same windows with another grace. Zero or more.</summary>
    public TimeWindows WithGrace(TimeSpan grace) => new(Size, Advance, grace);

    /// <summary>The start of the latest window that <paramref name="time"/> falls into.</summary>
    public DateTime LastStartOf(DateTime time)
    {
        var sinceEpoch = time.Ticks - DateTime.UnixEpoch.Ticks;
        var intoWindow = sinceEpoch % Advance.Ticks;
        return new DateTime(time.Ticks - (intoWindow < 0 ? intoWindow + Advance.Ticks : intoWindow), DateTimeKind.Utc);
    }

    /// <summary>The start of the window before the one that starts at <paramref name="start"/>, if <paramref name="time"/> falls into that, too.</summary>
    /// <returns>False when it does not, or there is none.</returns>
    public bool TryPrevious(DateTime time, ref DateTime start)
    {
        // As differences: with an advance without bound, the previous start is no date.
        if (start.Ticks - DateTime.UnixEpoch.Ticks < Advance.Ticks || time.Ticks - start.Ticks >= Size.Ticks - Advance.Ticks)
        {
            return false;
        }

        start -= Advance;
        return true;
    }

    /// <summary>Whether the window that starts at <paramref name="start"/> no longer takes records at this stream time.</summary>
    public bool IsClosed(DateTime start, DateTime streamTime)
    {
        // No sum of size and grace: with a grace without bound it would overflow.
        var open = streamTime.Ticks - start.Ticks;
        return open >= Size.Ticks && open - Size.Ticks >= Grace.Ticks;
    }

    /// <summary>The latest window that takes the record is the last to close.</summary>
    internal override bool IsLate(DateTime time, DateTime streamTime) => IsClosed(LastStartOf(time), streamTime);

    internal override IEnumerable<string> Problems()
    {
        if (Size < TimeSpan.FromMilliseconds(1))
        {
            yield return $"the window size is {Size}; it must be at least one millisecond";
        }
        else if (Advance < TimeSpan.FromMilliseconds(1) || Advance > Size)
        {
            yield return $"windows of {Size} advance by {Advance}; it must be at least one millisecond, and at most the size, or records would fall between windows";
        }
        else if ((Size.Ticks - 1) / Advance.Ticks >= MaxWindowsPerRecord)
        {
            yield return $"windows of {Size} advance by {Advance}: a record would belong to {(Size.Ticks - 1) / Advance.Ticks + 1} of them, and at most {MaxWindowsPerRecord} are allowed; make the advance longer";
        }

        foreach (var problem in base.Problems())
        {
            yield return problem;
        }
    }
}
