namespace Streams;

/// <summary>Starts the declaration of session windows.</summary>
/// <example><c>Sessions.WithGap(TimeSpan.FromMinutes(30)).WithGrace(TimeSpan.FromMinutes(1))</c></example>
public static class Sessions
{
    /// <summary>Windows that records make themselves: those of a group that follow each other within the gap are one session.</summary>
    /// <param name="gap">How far apart two records of a session may be, at most; one millisecond to 366 days. Grace is 24 hours until set.</param>
    public static SessionWindows WithGap(TimeSpan gap) => new(gap, Windows.DefaultGrace);
}

/// <summary>
/// Sessions of event time. A session is the longest chain of a group's records in which each is at most the gap behind the one before; it
/// reaches from the first one's time to the last one's. The order in which records come does not matter: a record between two
/// sessions makes one of them.
/// </summary>
/// <remarks>
/// A record is late once the stream time of its source partition is more than gap and grace ahead of it, whichever sessions there are: so
/// what is late does not depend on other partitions. (Kafka Streams still takes such a record where it meets a session that is open.)
/// </remarks>
public sealed class SessionWindows : Windows
{
    /// <summary>The key column that holds a session's first time.</summary>
    internal const string StartColumn = "session_start";

    /// <summary>The column that holds its last one.</summary>
    internal const string EndColumn = "session_end";

    /// <summary>Any more, and times that PostgreSQL computes with it could leave its range.</summary>
    private static readonly TimeSpan _maxGap = TimeSpan.FromDays(366);

    internal SessionWindows(TimeSpan gap, TimeSpan grace) : base(grace) => Gap = gap;

    /// <summary>How far apart two records of a session may be, at most.</summary>
    public TimeSpan Gap { get; }

    /// <summary>The same windows with another grace. Zero or more.</summary>
    public SessionWindows WithGrace(TimeSpan grace) => new(Gap, grace);

    /// <summary>
    /// The start of the stretch, one gap long, that a time falls into. All records of a group in one stretch are of one session, so they
    /// can be added up without looking at others.
    /// </summary>
    internal DateTime StretchOf(DateTime time) => new(time.Ticks - ((time.Ticks - DateTime.UnixEpoch.Ticks) % Gap.Ticks), DateTimeKind.Utc);

    internal override bool IsLate(DateTime time, DateTime streamTime)
    {
        // No sum of gap and grace: with a grace without bound it would overflow.
        var behind = streamTime.Ticks - time.Ticks;
        return behind > Gap.Ticks && behind - Gap.Ticks > Grace.Ticks;
    }

    internal override IEnumerable<string> Problems()
    {
        if (Gap < TimeSpan.FromMilliseconds(1) || Gap > _maxGap)
        {
            yield return $"the gap between sessions is {Gap}; it must be one millisecond to 366 days";
        }
        else if (Gap.Ticks % TimeSpan.TicksPerMicrosecond != 0)
        {
            yield return $"the gap between sessions is {Gap}; it must be whole microseconds, as PostgreSQL's times are";
        }

        foreach (var problem in base.Problems())
        {
            yield return problem;
        }
    }
}
