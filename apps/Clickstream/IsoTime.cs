using System.Runtime.CompilerServices;

namespace Clickstream;

/// <summary>
/// Reads points in time as machines write them: <c>2026-01-01T00:00:00.000Z</c>. What may vary (ISO 8601, extended format):
/// a space or <c>t</c> for <c>T</c>; no seconds; a fraction of up to nine digits, behind a point or a comma, cut off below
/// 100 ns; <c>Z</c>, <c>z</c>, <c>+02:00</c>, <c>+0200</c>, <c>+02</c>, or no offset at all, which means UTC.
/// Not taken: dates without a time of day, week dates, 24:00, second 60.
/// </summary>
internal static class IsoTime
{
    private const int MinuteLength = 16;
    private const int SecondLength = 19;
    private const int MaxFractionDigits = 9;

    /// <summary>Reads <paramref name="text"/> as a whole. <c>false</c> when it is no such text or outside of years 1 to 9999 in UTC.</summary>
    public static bool TryParse(ReadOnlySpan<byte> text, out DateTime utc)
    {
        utc = default;
        if (text.Length < MinuteLength)
        {
            return false;
        }

        // Digits and separators are judged together at the end: one branch instead of a dozen.
        var year = (Two(text, 0) * 100) + Two(text, 2);
        var month = Two(text, 5);
        var day = Two(text, 8);
        var hour = Two(text, 11);
        var minute = Two(text, 14);
        var separators = (text[4] ^ '-') | (text[7] ^ '-') | (text[13] ^ ':');
        if (((year | month | day | hour | minute) < 0) || separators != 0 || text[10] is not ((byte)'T' or (byte)'t' or (byte)' ')
            || year == 0 || month is 0 or > 12 || day == 0 || hour > 23 || minute > 59)
        {
            return false;
        }

        var second = 0;
        var at = MinuteLength;
        var fractionTicks = 0L;
        if (text.Length >= SecondLength && text[MinuteLength] == ':')
        {
            second = Two(text, 17);
            if ((uint)second > 59)
            {
                return false;
            }

            at = SecondLength;
            if (text.Length > at && (text[at] is (byte)'.' or (byte)',') && !TryFraction(text, ref at, out fractionTicks))
            {
                return false;
            }
        }

        if (day > DateTime.DaysInMonth(year, month) || !TryOffset(text[at..], out var offsetMinutes))
        {
            return false;
        }

        var ticks = new DateTime(year, month, day, hour, minute, second).Ticks + fractionTicks - (offsetMinutes * TimeSpan.TicksPerMinute);
        if ((ulong)ticks > (ulong)DateTime.MaxValue.Ticks)
        {
            return false;
        }

        utc = new DateTime(ticks, DateTimeKind.Utc);
        return true;
    }

    private static bool TryFraction(ReadOnlySpan<byte> text, ref int at, out long ticks)
    {
        var start = ++at;
        var unit = TimeSpan.TicksPerSecond;
        ticks = 0;
        for (; at < text.Length && char.IsAsciiDigit((char)text[at]); at++)
        {
            unit /= 10;
            ticks += (text[at] - '0') * unit;
        }

        return at - start is > 0 and <= MaxFractionDigits;
    }

    private static bool TryOffset(ReadOnlySpan<byte> text, out int minutes)
    {
        minutes = 0;
        if (text.IsEmpty || (text.Length == 1 && (text[0] | 0x20) == 'z'))
        {
            return true;
        }

        if (text[0] is not ((byte)'+' or (byte)'-') || text.Length is not (3 or 5 or 6) || (text.Length == 6 && text[3] != ':'))
        {
            return false;
        }

        var hours = Two(text, 1);
        var rest = text.Length == 3 ? 0 : Two(text, text.Length - 2);
        if ((uint)hours > 23 || (uint)rest > 59)
        {
            return false;
        }

        minutes = text[0] == '-' ? -((hours * 60) + rest) : (hours * 60) + rest;
        return true;
    }

    /// <summary>Two digits as a number; negative when one of them is none, even after being multiplied or combined.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Two(ReadOnlySpan<byte> text, int at)
    {
        var tens = text[at] - '0';
        var ones = text[at + 1] - '0';
        return (uint)tens <= 9 && (uint)ones <= 9 ? (tens * 10) + ones : -100_000;
    }
}
