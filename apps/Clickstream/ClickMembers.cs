using System.Buffers;
using System.Runtime.CompilerServices;
using System.Text.Json;

namespace Clickstream;

/// <summary>What stands behind the name of a member.</summary>
internal enum MemberKind : byte
{
    /// <summary>The member is missing.</summary>
    Missing,
    /// <summary>Text without escapes; <see cref="ClickMember"/> is what stands between the quotes.</summary>
    Text,
    /// <summary>Text with escapes; <see cref="ClickMember"/> includes the quotes.</summary>
    EscapedText,
    /// <summary>A number, as written.</summary>
    Number,
    /// <summary><c>null</c>.</summary>
    Null,
    /// <summary><c>true</c>, <c>false</c>, or the first character of an object or array.</summary>
    Other,
}

/// <summary>
/// Where one member's value stands in the document, unread: a member may come twice, and only the last one has to make sense.
/// </summary>
/// <param name="Kind">What stands there.</param>
/// <param name="Start">Where it starts, in bytes; see <see cref="MemberKind"/> for whether a text's quotes belong to it.</param>
/// <param name="Length">How long it is, in bytes.</param>
internal readonly record struct ClickMember(MemberKind Kind, int Start, int Length)
{
    public ReadOnlySpan<byte> Raw(ReadOnlySpan<byte> json) => json.Slice(Start, Length);
}

/// <summary>
/// Finds a click's members in a JSON document, in one of two ways with the same result: <see cref="TryScan"/> takes what
/// nearly every click looks like, a flat object without escapes and line breaks, in half the time; <see cref="Read"/> takes any JSON.
/// </summary>
internal struct ClickMembers
{
    public ClickMember Path;
    public ClickMember Status;
    public ClickMember UserId;
    public ClickMember Time;

    /// <summary>Where such a byte occurs, a quote need not end a text, or the text is no JSON: work for <see cref="Read"/>.</summary>
    private static readonly SearchValues<byte> ControlsAndBackslash =
        SearchValues.Create([.. Enumerable.Range(0, 0x20).Select(i => (byte)i), (byte)'\\']);

    private void Set(ReadOnlySpan<byte> name, ClickMember value)
    {
        switch (name.Length)
        {
            case 4 when name.SequenceEqual("path"u8):
                Path = value;
                break;
            case 4 when name.SequenceEqual("time"u8):
                Time = value;
                break;
            case 6 when name.SequenceEqual("status"u8):
                Status = value;
                break;
            case 7 when name.SequenceEqual("user_id"u8):
                UserId = value;
                break;
            default:
                break;
        }
    }

    /// <summary>Reads a flat object. <c>false</c> when the document is anything else, valid or not; the members are then undefined.</summary>
    public bool TryScan(ReadOnlySpan<byte> json)
    {
        if (json.ContainsAny(ControlsAndBackslash))
        {
            return false;
        }

        var at = 0;
        if (Next(json, ref at) != '{')
        {
            return false;
        }

        while (true)
        {
            if (Next(json, ref at) != '"' || !TryQuoted(json, ref at, out var name) || Next(json, ref at) != ':')
            {
                return false;
            }

            var first = Next(json, ref at);
            if (!(first == '"' ? TryQuoted(json, ref at, out var value) : TryNumberOrLiteral(json, first, ref at, out value)))
            {
                return false;
            }

            Set(name.Raw(json), value);
            var next = Next(json, ref at);
            if (next == '}')
            {
                return Next(json, ref at) < 0;
            }

            if (next != ',')
            {
                return false;
            }
        }
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

    /// <summary>What stands before the closing quote. No escape can be in it: see <see cref="ControlsAndBackslash"/>.</summary>
    private static bool TryQuoted(ReadOnlySpan<byte> json, ref int at, out ClickMember text)
    {
        var length = json[at..].IndexOf((byte)'"');
        text = new ClickMember(MemberKind.Text, at, length);
        at += length + 1;
        return length >= 0;
    }

    private static bool TryNumberOrLiteral(ReadOnlySpan<byte> json, int first, ref int at, out ClickMember value)
    {
        if ((uint)(first - '1') <= 8)
        {
            // An integer without sign and leading zero; any other number fails at the comma.
            var start = at - 1;
            while (at < json.Length && (uint)(json[at] - '0') <= 9)
            {
                at++;
            }

            value = new ClickMember(MemberKind.Number, start, at - start);
            return true;
        }

        var rest = json[at..];
        var (kind, length) = first switch
        {
            'n' when rest.StartsWith("ull"u8) => (MemberKind.Null, 4),
            't' when rest.StartsWith("rue"u8) => (MemberKind.Other, 4),
            'f' when rest.StartsWith("alse"u8) => (MemberKind.Other, 5),
            _ => (MemberKind.Missing, 0),
        };
        value = new ClickMember(kind, at - 1, length);
        at += length - 1;
        return kind != MemberKind.Missing;
    }

    /// <summary>Reads any JSON object.</summary>
    /// <exception cref="JsonException">The document is not valid JSON.</exception>
    /// <exception cref="InvalidOperationException">A name has an escape for half a character.</exception>
    /// <returns><c>false</c> when the document is valid JSON but no object.</returns>
    public bool Read(ReadOnlySpan<byte> json)
    {
        var reader = new Utf8JsonReader(json);
        reader.Read();
        if (reader.TokenType != JsonTokenType.StartObject)
        {
            reader.Skip();
            reader.Read();
            return false;
        }

        while (reader.Read())
        {
            if (reader.TokenType != JsonTokenType.PropertyName)
            {
                continue;
            }

            scoped var name = reader.ValueIsEscaped ? Unescape(ref reader) : reader.ValueSpan;
            reader.Read();
            var value = Value(ref reader);
            reader.Skip();
            Set(name, value);
        }

        return true;
    }

    private static ClickMember Value(ref Utf8JsonReader reader)
    {
        var start = (int)reader.TokenStartIndex;
        var length = reader.ValueSpan.Length;
        return reader.TokenType switch
        {
            JsonTokenType.String when reader.ValueIsEscaped => new ClickMember(MemberKind.EscapedText, start, length + 2),
            JsonTokenType.String => new ClickMember(MemberKind.Text, start + 1, length),
            JsonTokenType.Number => new ClickMember(MemberKind.Number, start, length),
            JsonTokenType.Null => new ClickMember(MemberKind.Null, start, length),
            _ => new ClickMember(MemberKind.Other, start, length),
        };
    }

    /// <summary>The name without its escapes if it is one of ours, else nothing.</summary>
    private static ReadOnlySpan<byte> Unescape(ref Utf8JsonReader reader) =>
        reader.ValueTextEquals("path"u8) ? "path"u8
        : reader.ValueTextEquals("status"u8) ? "status"u8
        : reader.ValueTextEquals("user_id"u8) ? "user_id"u8
        : reader.ValueTextEquals("time"u8) ? "time"u8
        : default;
}
