namespace Streams.Processors;

/// <summary>Stream time of one partition: the highest event time seen. It never goes back.</summary>
internal struct StreamClock(DateTime? time)
{
    /// <summary><c>null</c> before the first record.</summary>
    public DateTime? Time { get; private set; } = time;

    /// <summary>Takes an event's time in and gives stream time as of that event.</summary>
    public DateTime Advance(DateTime eventTime)
    {
        if (Time is not { } time || eventTime > time)
        {
            Time = eventTime;
            return eventTime;
        }

        return time;
    }
}
