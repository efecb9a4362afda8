namespace Streams.Hosting.Postgres;

/// <summary>
/// <c>timestamptz</c> as the server keeps it: microseconds since 2000. Written as numbers, since Npgsql would turn
/// <see cref="DateTime.MinValue"/> and <see cref="DateTime.MaxValue"/> into infinities.
/// </summary>
internal static class Timestamps
{
    private const long TicksPerMicrosecond = 10;

    private static readonly long _epoch = new DateTime(2000, 1, 1, 0, 0, 0, DateTimeKind.Utc).Ticks / TicksPerMicrosecond;

    /// <summary>The last millisecond of the year 9999, since 1970.</summary>
    private const long LastUnixMilliseconds = 253_402_300_799_999;

    /// <summary>The first millisecond of the year 1, since 1970.</summary>
    private const long FirstUnixMilliseconds = -62_135_596_800_000;

    /// <summary>Fractions of a microsecond are cut off.</summary>
    public static long ToMicroseconds(DateTime time) => (time.Ticks / TicksPerMicrosecond) - _epoch;

    /// <summary>A Kafka timestamp; <c>null</c> where it is absurd: outside the years 1 to 9999, which clients can read back.</summary>
    public static long? ToMicroseconds(long? unixMilliseconds) =>
        unixMilliseconds is >= FirstUnixMilliseconds and <= LastUnixMilliseconds
            ? ToMicroseconds(DateTime.UnixEpoch.AddMilliseconds(unixMilliseconds.Value))
            : null;
}
