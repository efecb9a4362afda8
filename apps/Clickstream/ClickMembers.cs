using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json;
using Streams.Processors;

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
/// nearly every click looks like, a flat object without escapes and line breaks, in some 40% of the time; <see cref="Read"/> takes any JSON.
/// </summary>
internal struct ClickMembers
{
    public ClickMember Path;
    public ClickMember Status;
    public ClickMember UserId;
    public ClickMember Time;
    private ClickMember _ignored;

    /// <summary>Where the value of a member of this name goes.</summary>
    [UnscopedRef]
    private ref ClickMember this[ReadOnlySpan<byte> name]
    {
        get
        {
            switch (name.Length)
            {
                case 4 when name.SequenceEqual("path"u8):
                    return ref Path;
                case 4 when name.SequenceEqual("time"u8):
                    return ref Time;
                case 6 when name.SequenceEqual("status"u8):
                    return ref Status;
                case 7 when name.SequenceEqual("user_id"u8):
                    return ref UserId;
                default:
                    return ref _ignored;
            }
        }
    }

    /// <summary>Reads a flat object. <c>false</c> when the document is anything else, valid or not.</summary>
    [SkipLocalsInit]
    public bool TryScan(ReadOnlySpan<byte> json)
    {
        Span<FlatJsonMember> members = stackalloc FlatJsonMember[FlatJson.MaxMembers];
        if (!FlatJson.TryRead(json, members, out var count))
        {
            return false;
        }

        foreach (ref readonly var member in members[..count])
        {
            // Most members are none of ours, and most of those are told by the length of their names.
            if (member.NameLength is 4 or 6 or 7)
            {
                this[member.Name(json)] = new ClickMember(KindOf(member.Kind), member.ValueStart, member.ValueLength);
            }
        }

        return true;
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
            this[name] = value;
        }

        return true;
    }

    private static MemberKind KindOf(FlatJsonKind kind) => kind switch
    {
        FlatJsonKind.Text => MemberKind.Text,
        FlatJsonKind.Number => MemberKind.Number,
        FlatJsonKind.Null => MemberKind.Null,
        _ => MemberKind.Other,
    };

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
