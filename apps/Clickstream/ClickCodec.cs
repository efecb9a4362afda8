using System.Buffers;
using System.Buffers.Text;
using System.Runtime.CompilerServices;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Unicode;
using Streams;
using Streams.Processors;

namespace Clickstream;

/// <summary>
/// Clicks as JSON objects: <c>{"path": "/cart", "status": 503, "user_id": 42, "time": "2026-01-01T00:00:00.000Z"}</c>.
/// <list type="bullet">
/// <item><c>path</c>: text, required, without U+0000 (which PostgreSQL's <c>text</c> cannot hold).</item>
/// <item><c>status</c>: an integer of 32 bits, required. <c>503.0</c> and <c>"503"</c> are none.</item>
/// <item><c>user_id</c>: an integer of 64 bits, <c>null</c> or missing.</item>
/// <item><c>time</c>: ISO 8601 text (see <see cref="IsoTime"/>; without an offset it is UTC), a number of milliseconds since
/// 1970-01-01 UTC, <c>null</c> or missing.</item>
/// </list>
/// Members come in any order; a repeated one counts as written last; others are ignored, and so is whatever they hold. The document as a
/// whole must be valid: JSON (RFC 8259, at most 64 levels deep), UTF-8, no escape for half a character (<c>\ud800</c>).
/// </summary>
public sealed class ClickCodec : ICodec<Click>
{
    private const int MaxShownBytes = 40;
    private const long MinEpochMs = -62_135_596_800_000;
    private const long MaxEpochMs = 253_402_300_799_999;

    private static readonly JsonWriterOptions WriterOptions = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly Utf8StringPool _paths = new();

    /// <inheritdoc/>
    public string Name => "click-json";

    /// <inheritdoc/>
    public Click Decode(ReadOnlySpan<byte> bytes)
    {
        var members = default(ClickMembers);
        if (!members.TryScan(bytes))
        {
            ReadAny(bytes, ref members);
        }

        return new Click(Path(bytes, members.Path), Status(bytes, members.Status), UserId(bytes, members.UserId), Time(bytes, members.Time));
    }

    /// <inheritdoc/>
    public void Encode(Click value, IBufferWriter<byte> output)
    {
        if (value.Path is null)
        {
            throw new CodecException("path is missing");
        }

        using var writer = new Utf8JsonWriter(output, WriterOptions);
        writer.WriteStartObject();
        writer.WriteString("path"u8, value.Path);
        writer.WriteNumber("status"u8, value.Status);
        if (value.UserId is { } userId)
        {
            writer.WriteNumber("user_id"u8, userId);
        }

        if (value.Time is { } time)
        {
            var utc = time.Kind == DateTimeKind.Local ? time.ToUniversalTime() : DateTime.SpecifyKind(time, DateTimeKind.Utc);
            writer.WriteString("time"u8, utc);
        }

        writer.WriteEndObject();
    }

    /// <summary>The way for documents that are not flat and plain. Turns every error into one with our words.</summary>
    [MethodImpl(MethodImplOptions.NoInlining)]
    private static void ReadAny(ReadOnlySpan<byte> json, ref ClickMembers members)
    {
        if (json.IsEmpty)
        {
            throw new CodecException("the value is empty");
        }

        if (!Utf8.IsValid(json))
        {
            throw new CodecException("the value is not valid UTF-8");
        }

        if (HalfCharacterAt(json) is { } at)
        {
            throw new CodecException($"the value is not valid JSON: {Encoding.UTF8.GetString(json.Slice(at, 6))} is half a character at byte {at}");
        }

        bool isObject;
        try
        {
            isObject = members.Read(json);
        }
        catch (JsonException e)
        {
            throw new CodecException($"the value is not valid JSON: {WithoutPosition(e.Message)} at byte {ByteOffset(json, e)}", e);
        }

        if (!isObject)
        {
            throw new CodecException($"the value is not a JSON object: {Shown(json)}");
        }
    }

    private string Path(ReadOnlySpan<byte> json, ClickMember member)
    {
        switch (member.Kind)
        {
            case MemberKind.Text:
                return _paths.Get(member.Raw(json));
            case MemberKind.EscapedText:
                return EscapedPath(member.Raw(json));
            case MemberKind.Missing:
                throw new CodecException("path is missing");
            default:
                throw new CodecException($"path is not text: {Shown(json, member)}");
        }
    }

    private string EscapedPath(ReadOnlySpan<byte> quoted)
    {
        var rented = quoted.Length <= 512 ? null : ArrayPool<byte>.Shared.Rent(quoted.Length);
        var buffer = rented ?? stackalloc byte[512];
        try
        {
            var text = Unescape(quoted, buffer);
            return text.Contains((byte)0)
                ? throw new CodecException($"path holds U+0000, which PostgreSQL cannot store: {Shown(quoted)}")
                : _paths.Get(text);
        }
        finally
        {
            if (rented is not null)
            {
                ArrayPool<byte>.Shared.Return(rented);
            }
        }
    }

    private static int Status(ReadOnlySpan<byte> json, ClickMember member) => member.Kind switch
    {
        MemberKind.Number when Utf8Parser.TryParse(member.Raw(json), out int status, out var read) && read == member.Length => status,
        MemberKind.Missing => throw new CodecException("status is missing"),
        _ => throw NotAnInteger("status", json, member),
    };

    private static long? UserId(ReadOnlySpan<byte> json, ClickMember member) => member.Kind switch
    {
        MemberKind.Number when Utf8Parser.TryParse(member.Raw(json), out long userId, out var read) && read == member.Length => userId,
        MemberKind.Missing or MemberKind.Null => null,
        _ => throw NotAnInteger("user_id", json, member),
    };

    private static DateTime? Time(ReadOnlySpan<byte> json, ClickMember member)
    {
        switch (member.Kind)
        {
            case MemberKind.Text when IsoTime.TryParse(member.Raw(json), out var time):
                return time;
            case MemberKind.EscapedText when member.Length <= 256:
                Span<byte> buffer = stackalloc byte[256];
                return IsoTime.TryParse(Unescape(member.Raw(json), buffer), out var unescaped) ? unescaped : throw NotATime(json, member);
            case MemberKind.Number:
                return EpochMilliseconds(json, member);
            case MemberKind.Missing or MemberKind.Null:
                return null;
            default:
                throw NotATime(json, member);
        }
    }

    private static DateTime EpochMilliseconds(ReadOnlySpan<byte> json, ClickMember member)
    {
        var raw = member.Raw(json);
        if (Utf8Parser.TryParse(raw, out long whole, out var read) && read == raw.Length && whole is >= MinEpochMs and <= MaxEpochMs)
        {
            return DateTime.UnixEpoch.AddTicks(whole * TimeSpan.TicksPerMillisecond);
        }

        // Milliseconds with a fraction or an exponent, as programs write them that keep time in a double.
        var reader = new Utf8JsonReader(raw);
        reader.Read();
        return reader.TryGetDecimal(out var number) && number is >= MinEpochMs and < MaxEpochMs + 1
            ? DateTime.UnixEpoch.AddTicks((long)decimal.Floor(number * TimeSpan.TicksPerMillisecond))
            : throw new CodecException($"time is out of range (years 1 to 9999): {Shown(json, member)}");
    }

    private static ReadOnlySpan<byte> Unescape(ReadOnlySpan<byte> quoted, Span<byte> buffer)
    {
        var reader = new Utf8JsonReader(quoted);
        reader.Read();
        return buffer[..reader.CopyString(buffer)];
    }

    private static CodecException NotAnInteger(string name, ReadOnlySpan<byte> json, ClickMember member) =>
        member.Kind == MemberKind.Number && !member.Raw(json).ContainsAny(".eE"u8)
            ? new CodecException($"{name} is out of range: {Shown(json, member)}")
            : new CodecException($"{name} is not an integer: {Shown(json, member)}");

    private static CodecException NotATime(ReadOnlySpan<byte> json, ClickMember member) =>
        new($"time is neither ISO 8601 nor milliseconds since 1970: {Shown(json, member)}");

    private static string Shown(ReadOnlySpan<byte> json, ClickMember member) =>
        member.Kind == MemberKind.Text ? $"\"{Shown(member.Raw(json))}\"" : Shown(member.Raw(json));

    /// <summary>The beginning of a text, cut between characters.</summary>
    private static string Shown(ReadOnlySpan<byte> utf8)
    {
        if (utf8.Length <= MaxShownBytes)
        {
            return Encoding.UTF8.GetString(utf8);
        }

        var end = MaxShownBytes;
        while ((utf8[end] & 0xC0) == 0x80)
        {
            end--;
        }

        return Encoding.UTF8.GetString(utf8[..end]) + "...";
    }

    /// <summary>The reader's own words end in a line number and a position in that line, counted from 0.</summary>
    private static string WithoutPosition(string message)
    {
        var end = message.IndexOf(" LineNumber:", StringComparison.Ordinal);
        return (end < 0 ? message : message[..end]).TrimEnd('.', ' ');
    }

    private static long ByteOffset(ReadOnlySpan<byte> json, JsonException e)
    {
        var lineStart = 0;
        for (var line = 0L; line < e.LineNumber; line++)
        {
            lineStart += json[lineStart..].IndexOf((byte)'\n') + 1;
        }

        return lineStart + (e.BytePositionInLine ?? 0);
    }

    /// <summary>
    /// Where an escape stands for one half of a surrogate pair without the other. The grammar of JSON allows that, but it is no
    /// character: neither UTF-8 nor PostgreSQL can hold it. Malformed escapes are left to the reader.
    /// </summary>
    private static int? HalfCharacterAt(ReadOnlySpan<byte> json)
    {
        var at = json.IndexOf((byte)'\\');
        while (at >= 0 && at + 1 < json.Length)
        {
            var length = 2;
            if (Unit(json, at) is { } unit && char.IsSurrogate(unit))
            {
                if (!char.IsHighSurrogate(unit) || Unit(json, at + 6) is not { } low || !char.IsLowSurrogate(low))
                {
                    return at;
                }

                length = 12;
            }

            var next = json[(at + length)..].IndexOf((byte)'\\');
            at = next < 0 ? -1 : at + length + next;
        }

        return null;

        static char? Unit(ReadOnlySpan<byte> json, int at) =>
            at + 6 <= json.Length && json[at] == '\\' && json[at + 1] == 'u'
            && Utf8Parser.TryParse(json.Slice(at + 2, 4), out ushort unit, out var read, 'x') && read == 4 ? (char)unit : null;
    }
}
