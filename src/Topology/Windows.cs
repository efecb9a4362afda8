namespace Streams;

/// <summary>How event time is cut into windows: <see cref="Tumbling"/>, <see cref="Hopping"/> or <see cref="Sessions"/>.</summary>
public abstract class Windows
{
    internal static readonly TimeSpan DefaultGrace = TimeSpan.FromHours(24);

    private protected Windows(TimeSpan grace) => Grace = grace;

    /// <summary>How long past its end, in stream time, a window still takes records. Default: 24 hours, as in Kafka Streams.</summary>
    public TimeSpan Grace { get; }

    /// <summary>Whether no window takes a record of this time any more.</summary>
    internal abstract bool IsLate(DateTime time, DateTime streamTime);

    internal virtual IEnumerable<string> Problems() =>
        Grace < TimeSpan.Zero ? [$"the grace is {Grace}; it must be zero or more"] : [];
}
