using System.Buffers.Binary;

namespace Streams.Hosting.Postgres;

/// <summary>
/// Decimals in PostgreSQL's binary <c>numeric</c>: digits to the base 10,000 around the decimal point, with the scale kept
/// (<c>1.50</c> stays <c>1.50</c>).
/// </summary>
internal static class NumericFormat
{
    /// <summary>Four counts, and at most 9 digits: 29 decimal ones, shifted by up to 3 to meet the point.</summary>
    public const int MaxBytes = 8 + (2 * MaxDigits);

    private const int MaxDigits = 9;
    private const int Base = 10_000;
    private const int DecimalsPerDigit = 4;
    private const short Negative = 0x4000;

    /// <summary>Writes a decimal and gives the bytes it took.</summary>
    public static int Write(decimal value, Span<byte> to)
    {
        Span<int> parts = stackalloc int[4];
        decimal.GetBits(value, parts);
        var scale = value.Scale;
        var rest = new UInt128((uint)parts[2], ((ulong)(uint)parts[1] << 32) | (uint)parts[0]);
        for (var i = scale; i % DecimalsPerDigit != 0; i++)
        {
            rest *= 10;
        }

        // From the lowest digit up; zeros below the first other one are not stored.
        Span<short> digits = stackalloc short[MaxDigits];
        var count = 0;
        var weight = -1 - ((scale + DecimalsPerDigit - 1) / DecimalsPerDigit);
        while (rest != 0)
        {
            (rest, var digit) = UInt128.DivRem(rest, Base);
            weight++;
            if (count > 0 || digit != 0)
            {
                digits[count++] = (short)digit;
            }
        }

        BinaryPrimitives.WriteInt16BigEndian(to, (short)count);
        BinaryPrimitives.WriteInt16BigEndian(to[2..], count == 0 ? (short)0 : (short)weight);
        BinaryPrimitives.WriteInt16BigEndian(to[4..], count > 0 && decimal.IsNegative(value) ? Negative : (short)0);
        BinaryPrimitives.WriteInt16BigEndian(to[6..], scale);
        for (var i = 0; i < count; i++)
        {
            BinaryPrimitives.WriteInt16BigEndian(to[(8 + (2 * i))..], digits[count - 1 - i]);
        }

        return 8 + (2 * count);
    }
}
