using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using System.Runtime.Intrinsics;
using System.Text.Unicode;

namespace Streams.Processors;

/// <summary>What the value of a <see cref="FlatJsonMember"/> is.</summary>
public enum FlatJsonKind : byte
{
    /// <summary>Text without escapes; the member's value is what stands between the quotes.</summary>
    Text,
    /// <summary>A number, as written.</summary>
    Number,
    /// <summary><c>true</c>.</summary>
    True,
    /// <summary><c>false</c>.</summary>
    False,
    /// <summary><c>null</c>.</summary>
    Null,
}

/// <summary>Where a member of a flat JSON object stands in its document; positions and lengths are in bytes.</summary>
/// <param name="NameStart">Where the name begins, behind its quote.</param>
/// <param name="NameLength">The length of the name.</param>
/// <param name="ValueStart">Where the value begins; behind the quote, if it is text.</param>
/// <param name="ValueLength">The length of the value.</param>
/// <param name="Kind">What the value is.</param>
public readonly record struct FlatJsonMember(int NameStart, int NameLength, int ValueStart, int ValueLength, FlatJsonKind Kind)
{
    /// <summary>The name, in UTF-8.</summary>
    /// <param name="json">The document that the member was read from.</param>
    public ReadOnlySpan<byte> Name(ReadOnlySpan<byte> json) => json.Slice(NameStart, NameLength);

    /// <summary>The value, in UTF-8: a text's characters, else what is written.</summary>
    /// <param name="json">The document that the member was read from.</param>
    public ReadOnlySpan<byte> Value(ReadOnlySpan<byte> json) => json.Slice(ValueStart, ValueLength);
}

/// <summary>
/// Reads what most events look like, a JSON object whose values are plain text, numbers, booleans and nulls, in some 40% of the
/// time that a reader for any JSON takes: for codecs of one's own. What holds objects, arrays, escapes, line breaks or tabs, or is no
/// valid JSON, is refused without saying why: give it to <see cref="System.Text.Json.Utf8JsonReader"/>, which says so.
/// </summary>
/// <example><code>
/// Span&lt;FlatJsonMember> members = stackalloc FlatJsonMember[FlatJson.MaxMembers];
/// if (FlatJson.TryRead(bytes, members, out var count))
/// {
///     foreach (var member in members[..count])
///     {
///         if (member.Name(bytes).SequenceEqual("status"u8)) ...
///     }
/// }
/// </code></example>
public static class FlatJson
{
    /// <summary>Objects with more members are refused.</summary>
    public const int MaxMembers = 64;

    /// <summary>Larger documents are refused, in bytes.</summary>
    public const int MaxBytes = 16 * 1024;

    private const int BlockBytes = 64;

    /// <summary>Finds the members of a flat object; repeated ones as often as they are written, in order.</summary>
    /// <param name="json">The document: valid JSON and UTF-8 from its first to its last byte, if this returns <c>true</c>.</param>
    /// <param name="members">Gets the members.</param>
    /// <param name="count">How many there are.</param>
    /// <returns><c>false</c> when the document is anything but a flat object, or has more members than there is room.</returns>
    [SkipLocalsInit]
    public static bool TryRead(ReadOnlySpan<byte> json, Span<FlatJsonMember> members, out int count)
    {
        count = 0;
        if (json.Length > MaxBytes)
        {
            return false;
        }

        Span<ulong> blocks = stackalloc ulong[MaxBytes / BlockBytes];
        if (!TryFindQuotes(json, blocks))
        {
            return false;
        }

        var quotes = new Quotes(blocks[..((json.Length + BlockBytes - 1) / BlockBytes)]);
        var at = 0;
        if (Next(json, ref at) != '{')
        {
            return false;
        }

        var read = 0;
        while (true)
        {
            if (Next(json, ref at) != '"' || !quotes.TryEnd(out var nameEnd))
            {
                return false;
            }

            var nameStart = at;
            at = nameEnd + 1;
            if (Next(json, ref at) != ':' || (uint)read >= (uint)members.Length)
            {
                return false;
            }

            var first = Next(json, ref at);
            if (first == '"')
            {
                if (!quotes.TryEnd(out var end))
                {
                    return false;
                }

                members[read++] = new FlatJsonMember(nameStart, nameEnd - nameStart, at, end - at, FlatJsonKind.Text);
                at = end + 1;
            }
            else
            {
                var start = at - 1;
                if (!TryNumber(json, first, ref at, out var kind) && !TryLiteral(json, first, ref at, out kind))
                {
                    return false;
                }

                members[read++] = new FlatJsonMember(nameStart, nameEnd - nameStart, start, at - start, kind);
            }

            var next = Next(json, ref at);
            if (next == '}')
            {
                count = read;
                return Next(json, ref at) < 0;
            }

            if (next != ',')
            {
                return false;
            }
        }
    }

    /// <summary>
    /// Marks the quotes, a bit per byte. <c>false</c> where a quote need not end a text (there is a backslash), or the text is no JSON
    /// (control characters), or no UTF-8.
    /// </summary>
    private static bool TryFindQuotes(ReadOnlySpan<byte> json, Span<ulong> blocks)
    {
        var unplain = Vector256<byte>.Zero;
        var all = Vector256<byte>.Zero;
        ref var start = ref MemoryMarshal.GetReference(json);
        var block = 0;
        var left = json.Length;
        for (; left >= BlockBytes; left -= BlockBytes)
        {
            blocks[block] = QuotesOf(ref Unsafe.Add(ref start, block * BlockBytes), ref unplain, ref all);
            block++;
        }

        if (left > 0 && block > 0)
        {
            // The last 64 bytes, without those that were in the block before.
            blocks[block] = QuotesOf(ref Unsafe.Add(ref start, json.Length - BlockBytes), ref unplain, ref all) >> (BlockBytes - left);
        }
        else if (left > 0)
        {
            Span<byte> padded = stackalloc byte[BlockBytes];
            padded.Fill((byte)' ');
            json.CopyTo(padded);
            blocks[block] = QuotesOf(ref MemoryMarshal.GetReference(padded), ref unplain, ref all);
        }

        return unplain == Vector256<byte>.Zero && (all.ExtractMostSignificantBits() == 0 || Utf8.IsValid(json));
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static ulong QuotesOf(ref byte block, ref Vector256<byte> unplain, ref Vector256<byte> all)
    {
        var low = Vector256.LoadUnsafe(ref block);
        var high = Vector256.LoadUnsafe(ref block, (nuint)Vector256<byte>.Count);
        var quote = Vector256.Create((byte)'"');
        var backslash = Vector256.Create((byte)'\\');
        var space = Vector256.Create((byte)' ');
        unplain |= Vector256.Equals(low, backslash) | Vector256.Equals(high, backslash) | Vector256.LessThan(Vector256.Min(low, high), space);
        all |= low | high;
        return Vector256.Equals(low, quote).ExtractMostSignificantBits()
            | ((ulong)Vector256.Equals(high, quote).ExtractMostSignificantBits() << Vector256<byte>.Count);
    }

    /// <summary>The next byte that is no space, and steps over it; -1 at the end.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static int Next(ReadOnlySpan<byte> json, ref int at)
    {
        while ((uint)at < (uint)json.Length)
        {
            var b = json[at++];
            if (b != ' ')
            {
                return b;
            }
        }

        return -1;
    }

    /// <summary>Steps over a number that begins with the byte before <paramref name="at"/>.</summary>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool TryNumber(ReadOnlySpan<byte> json, int first, ref int at, out FlatJsonKind kind)
    {
        kind = FlatJsonKind.Number;
        if ((uint)(first - '1') > 8)
        {
            return (first is '-' or '0') && TryAnyNumber(json, ref at);
        }

        SkipDigits(json, ref at);
        return (uint)at >= (uint)json.Length || json[at] is (byte)',' or (byte)'}' or (byte)' ' || TryFraction(json, ref at);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryAnyNumber(ReadOnlySpan<byte> json, ref int at)
    {
        if (json[at - 1] == '-')
        {
            if ((uint)at >= (uint)json.Length || !char.IsAsciiDigit((char)json[at++]))
            {
                return false;
            }
        }

        // Nothing follows a leading zero but a fraction or an exponent.
        if (json[at - 1] != '0')
        {
            SkipDigits(json, ref at);
        }

        return TryFraction(json, ref at);
    }

    [MethodImpl(MethodImplOptions.NoInlining)]
    private static bool TryFraction(ReadOnlySpan<byte> json, ref int at)
    {
        if (at < json.Length && json[at] == '.')
        {
            at++;
            if (!SkipDigits(json, ref at))
            {
                return false;
            }
        }

        if (at < json.Length && (json[at] | 0x20) == 'e')
        {
            at++;
            if (at < json.Length && json[at] is (byte)'+' or (byte)'-')
            {
                at++;
            }

            return SkipDigits(json, ref at);
        }

        return true;
    }

    /// <returns>Whether there was one.</returns>
    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private static bool SkipDigits(ReadOnlySpan<byte> json, ref int at)
    {
        var start = at;
        while ((uint)at < (uint)json.Length && (uint)(json[at] - '0') <= 9)
        {
            at++;
        }

        return at > start;
    }

    private static bool TryLiteral(ReadOnlySpan<byte> json, int first, ref int at, out FlatJsonKind kind)
    {
        var rest = json[at..];
        (kind, var length) = first switch
        {
            'n' when rest.StartsWith("ull"u8) => (FlatJsonKind.Null, 3),
            't' when rest.StartsWith("rue"u8) => (FlatJsonKind.True, 3),
            'f' when rest.StartsWith("alse"u8) => (FlatJsonKind.False, 4),
            _ => (default, 0),
        };
        at += length;
        return length > 0;
    }

    /// <summary>Walks the marked quotes in pairs.</summary>
    private ref struct Quotes(ReadOnlySpan<ulong> blocks)
    {
        private readonly ReadOnlySpan<ulong> _blocks = blocks;
        private ulong _left = blocks.IsEmpty ? 0 : blocks[0];
        private int _block;

        /// <summary>Where the text ends whose opening quote is the next one.</summary>
        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        public bool TryEnd(out int position)
        {
            _ = TryNext(out _);
            return TryNext(out position);
        }

        [MethodImpl(MethodImplOptions.AggressiveInlining)]
        private bool TryNext(out int position)
        {
            while (_left == 0)
            {
                if ((uint)(_block + 1) >= (uint)_blocks.Length)
                {
                    position = -1;
                    return false;
                }

                _left = _blocks[++_block];
            }

            position = (_block * BlockBytes) + BitOperations.TrailingZeroCount(_left);
            _left &= _left - 1;
            return true;
        }
    }
}
