using System.Text;

namespace Streams.Hosting.Postgres;

/// <summary>Texts of our own making (reasons, stack traces) that may quote bad input: made storable rather than refused.</summary>
internal static class PostgresTexts
{
    /// <summary>NUL becomes U+2400 (its picture), halves of surrogate pairs U+FFFD.</summary>
    public static string Clean(string text)
    {
        if (text.AsSpan().IndexOfAnyInRange('\uD800', '\uDFFF') < 0 && !text.Contains('\0', StringComparison.Ordinal))
        {
            return text;
        }

        var clean = new StringBuilder(text.Length);
        foreach (var rune in text.EnumerateRunes())
        {
            clean.Append(rune.Value == 0 ? new Rune('\u2400') : rune);
        }

        return clean.ToString();
    }
}
