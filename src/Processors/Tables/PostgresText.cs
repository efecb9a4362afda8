using System.Globalization;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Streams.Processors;

/// <summary>
/// Refuses, record by record, what PostgreSQL would refuse for a whole transaction: NUL and lone surrogates in text and
/// jsonb, numbers beyond numeric's range, keys too long for an index.
/// </summary>
internal static class PostgresText
{
    /// <summary>
    /// A B-tree entry takes at most 2,704 bytes (a third of a page); what remains after the tuple header and alignment is
    /// for the key's columns together.
    /// </summary>
    public const int MaxKeyBytes = 2600;

    /// <summary>
    /// jsonb stores numbers as numeric: 131,072 digits before the point, 16,383 after it. Digits and exponent together stay
    /// below both.
    /// </summary>
    private const int MaxNumberDigits = 16_000;

    private const int MaxDepth = 256;

    public static void Check(string text, Column column)
    {
        if (text.Contains('\0', StringComparison.Ordinal))
        {
            throw new RecordRejectedException($"Column {column.Name}: the text holds U+0000, which PostgreSQL cannot store.");
        }

        if (!Ascii.IsValid(text) && HasLoneSurrogate(text))
        {
            throw new RecordRejectedException($"Column {column.Name}: the text holds half a surrogate pair, which PostgreSQL cannot store.");
        }
    }

    [SkipLocalsInit]
    public static void CheckJson(ReadOnlySpan<byte> json, Column column)
    {
        Span<FlatJsonMember> members = stackalloc FlatJsonMember[FlatJson.MaxMembers];
        if (!FlatJson.TryRead(json, members, out var count))
        {
            CheckAnyJson(json, column);
            return;
        }

        foreach (ref readonly var member in members[..count])
        {
            if (member.Kind == FlatJsonKind.Number)
            {
                CheckNumber(member.Value(json), column);
            }
        }
    }

    /// <summary>Text of our own making (reasons, stack traces) that may quote bad input, made storable: what is not becomes U+FFFD.</summary>
    public static string Clean(string text) => text.Contains('\0', StringComparison.Ordinal) || HasLoneSurrogate(text)
        ? string.Concat(text.EnumerateRunes().Select(r => r.Value == 0 ? "\uFFFD" : r.ToString()))
        : text;

    /// <summary>Refuses a key that would not fit its index.</summary>
    /// <param name="keyBytes">The bytes of the key's columns together.</param>
    /// <param name="table">The table, for the message.</param>
    public static void CheckKeySize(long keyBytes, string table)
    {
        if (keyBytes > MaxKeyBytes)
        {
            throw new RecordRejectedException(string.Create(
                CultureInfo.InvariantCulture, $"Table {table}: the key has {keyBytes} bytes; its index takes at most {MaxKeyBytes}."));
        }
    }

    private static void CheckAnyJson(ReadOnlySpan<byte> json, Column column)
    {
        // The reader below looks at structure and passes over what is inside strings.
        if (!Utf8.IsValid(json))
        {
            throw new RecordRejectedException($"Column {column.Name}: not JSON that PostgreSQL can store: it is not valid UTF-8.");
        }

        try
        {
            var reader = new Utf8JsonReader(json, new JsonReaderOptions { MaxDepth = MaxDepth });
            while (reader.Read())
            {
                if (reader.TokenType is JsonTokenType.String or JsonTokenType.PropertyName)
                {
                    CheckString(ref reader, column);
                }
                else if (reader.TokenType == JsonTokenType.Number)
                {
                    CheckNumber(reader.ValueSpan, column);
                }
            }
        }
        catch (Exception e) when (e is JsonException or InvalidOperationException)
        {
            throw new RecordRejectedException($"Column {column.Name}: not JSON that PostgreSQL can store: {e.Message}");
        }
    }

    private static void CheckString(ref Utf8JsonReader reader, Column column)
    {
        if (!reader.ValueIsEscaped)
        {
            return;
        }

        // GetString throws InvalidOperationException for a lone surrogate escape.
        if (reader.GetString()!.Contains('\0', StringComparison.Ordinal))
        {
            throw new RecordRejectedException($"Column {column.Name}: the JSON holds \\u0000, which PostgreSQL's jsonb cannot store.");
        }
    }

    private static void CheckNumber(ReadOnlySpan<byte> number, Column column)
    {
        var exponentAt = number.IndexOfAny((byte)'e', (byte)'E');
        var exponentIsLarge = exponentAt >= 0
            && (!int.TryParse(number[(exponentAt + 1)..], NumberStyles.AllowLeadingSign, CultureInfo.InvariantCulture, out var exponent)
                || number.Length + Math.Abs((long)exponent) > MaxNumberDigits);
        if (exponentIsLarge || number.Length > MaxNumberDigits)
        {
            throw new RecordRejectedException($"Column {column.Name}: the JSON holds a number beyond the range of PostgreSQL's numeric.");
        }
    }

    private static bool HasLoneSurrogate(string text)
    {
        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            if (Rune.DecodeFromUtf16(rest, out _, out var consumed) != System.Buffers.OperationStatus.Done)
            {
                return true;
            }

            rest = rest[consumed..];
        }

        return false;
    }
}
