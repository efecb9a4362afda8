using System.Diagnostics.CodeAnalysis;
using System.Globalization;

namespace Streams.Hosting.DeadLetters;

/// <summary>Where a record came from, written <c>topic-partition@offset</c>, as in the header <c>origin</c> and in logs.</summary>
/// <param name="Topic">The topic.</param>
/// <param name="Partition">The partition's number.</param>
/// <param name="Offset">The record's offset there.</param>
public readonly record struct DeadLetterPosition(string Topic, int Partition, long Offset)
{
    /// <summary>Reads <c>clickstream-0@17</c>. The topic's own name may hold <c>-</c>.</summary>
    /// <returns>False if the text is no position.</returns>
    public static bool TryParse([NotNullWhen(true)] string? text, out DeadLetterPosition position)
    {
        position = default;
        var at = text?.LastIndexOf('@') ?? -1;
        var dash = at > 0 ? text!.LastIndexOf('-', at - 1) : -1;
        if (dash <= 0
            || !int.TryParse(text.AsSpan(dash + 1, at - dash - 1), NumberStyles.None, CultureInfo.InvariantCulture, out var partition)
            || !long.TryParse(text.AsSpan(at + 1), NumberStyles.None, CultureInfo.InvariantCulture, out var offset))
        {
            return false;
        }

        position = new(text![..dash], partition, offset);
        return true;
    }

    /// <summary>As <see cref="TryParse"/> reads it.</summary>
    public override string ToString() => string.Create(CultureInfo.InvariantCulture, $"{Topic}-{Partition}@{Offset}");
}
