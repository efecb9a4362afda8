using System.Buffers.Binary;

namespace Streams.Processors;

/// <summary>
/// The header of records in a repartition topic: the record's event time, stream time of the partition that it came from as of that record
/// (each 8 bytes, big-endian: microseconds since 1970), and the id of the application that sent it, in UTF-8.
/// </summary>
internal static class CarriedTimes
{
    public const string Header = "streams-time";
    private const int TimesSize = 2 * sizeof(long);

    private static ReadOnlySpan<byte> HeaderName => "streams-time"u8;

    private static ReadOnlySpan<byte> OriginName => "origin"u8;

    /// <param name="headers">Takes the header.</param>
    /// <param name="time">The record's event time.</param>
    /// <param name="streamTime">Stream time as of the record.</param>
    /// <param name="application">The application's id; at most 63 bytes.</param>
    public static void Add(HeaderList headers, DateTime time, DateTime streamTime, ReadOnlySpan<byte> application)
    {
        Span<byte> value = stackalloc byte[TimesSize + application.Length];
        BinaryPrimitives.WriteInt64BigEndian(value, ToMicroseconds(time));
        BinaryPrimitives.WriteInt64BigEndian(value[sizeof(long)..], ToMicroseconds(streamTime));
        application.CopyTo(value[TimesSize..]);
        headers.Add(HeaderName, value);
    }

    /// <summary>Reads the times that a record carries.</summary>
    /// <returns><c>null</c> if another application has sent it, or this one under an earlier id.</returns>
    /// <exception cref="RecordRejectedException">There is no such header: no application has written the record.</exception>
    public static (DateTime Time, DateTime StreamTime)? Read(ReadOnlySpan<byte> packed, ReadOnlySpan<byte> application, string topic)
    {
        while (HeaderList.Read(ref packed, out var name, out var value, out _))
        {
            if (name.SequenceEqual(HeaderName) && value.Length >= TimesSize)
            {
                return value[TimesSize..].SequenceEqual(application)
                    ? (FromMicroseconds(BinaryPrimitives.ReadInt64BigEndian(value)), FromMicroseconds(BinaryPrimitives.ReadInt64BigEndian(value[sizeof(long)..])))
                    : null;
            }
        }

        throw new RecordRejectedException($"The record has no header {Header}: the application has not written it, and nobody else may write to topic {topic}.");
    }

    /// <summary>Copies what goes on from a repartition topic: the headers that the record had before.</summary>
    public static void CopyOthers(ReadOnlySpan<byte> packed, HeaderList to)
    {
        while (HeaderList.Read(ref packed, out var name, out var value, out var hasValue))
        {
            if (!name.SequenceEqual(HeaderName) && !name.SequenceEqual(OriginName))
            {
                to.Add(name, value, hasValue);
            }
        }
    }

    private static long ToMicroseconds(DateTime time) => (time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMicrosecond;

    private static DateTime FromMicroseconds(long time) => time is >= 0 and <= 253_402_300_799_999_999
        ? DateTime.UnixEpoch.AddTicks(time * TimeSpan.TicksPerMicrosecond)
        : throw new RecordRejectedException($"The header {Header} does not hold a time between the years 1970 and 9999.");
}
