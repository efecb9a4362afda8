namespace Streams.Processors;

/// <summary>PostgreSQL keeps microseconds, .NET a tenth of one: times that the one cannot tell apart must not differ for the other.</summary>
internal static class Microseconds
{
    public static DateTime Floor(DateTime time) => new(time.Ticks - (time.Ticks % TimeSpan.TicksPerMicrosecond), time.Kind);
}
