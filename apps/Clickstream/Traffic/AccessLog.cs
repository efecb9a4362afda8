using System.Buffers;
using System.Buffers.Text;

namespace Clickstream;

/// <summary>
/// Reads the access logs of web servers (Apache, nginx and others), common and combined format:
/// <code>
/// 83.149.9.216 - - [17/May/2015:10:05:03 +0000] "GET /cart?id=1 HTTP/1.1" 404 203 "http://example.org/" "Mozilla/5.0"
/// </code>
/// A request needs a method and a target. What some clients send instead (nothing, which is logged as <c>-</c>, or a TLS handshake,
/// logged as <c>\x16\x03\x01</c>) has no path to count under, so such a line cannot be parsed. The target is taken as it
/// stands, also one with a host (<c>http://example.org/</c>, sent to proxies) or with spaces. Whatever follows the agent is ignored.
/// </summary>
internal static class AccessLog
{
    private const int TimeLength = 26;

    private static readonly SearchValues<byte> MethodBytes =
        SearchValues.Create("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz-_"u8);

    /// <summary>Cuts one line, without its line break, into fields.</summary>
    /// <param name="text">The line.</param>
    /// <param name="line">Its fields.</param>
    /// <param name="error">What is wrong with the line; <c>null</c> when it is good.</param>
    public static bool TryParse(ReadOnlySpan<byte> text, out AccessLogLine line, out string? error)
    {
        line = default;
        error = null;
        var addressEnd = text.IndexOf((byte)' ');
        if (addressEnd <= 0)
        {
            return Fail("there is no client address", out error);
        }

        // A user name may hold spaces, so the time is found by its bracket.
        var timeStart = text[addressEnd..].IndexOf(" ["u8);
        if (timeStart < 0)
        {
            return Fail("there is no time in brackets", out error);
        }

        timeStart += addressEnd + 2;
        var rest = text[timeStart..];
        if (rest.Length <= TimeLength || rest[TimeLength] != ']' || !TryTime(rest[..TimeLength], out var time))
        {
            return Fail("the time is not like [17/May/2015:10:05:03 +0000]", out error);
        }

        rest = rest[(TimeLength + 1)..];
        if (!TryQuoted(ref rest, out var request))
        {
            return Fail("there is no request in quotes", out error);
        }

        if (!TryRequest(request, out var method, out var target, out var protocol))
        {
            return Fail("the request has no method and target", out error);
        }

        if (!TryWord(ref rest, out var word) || !TryNumber(word, out var status) || status > 999)
        {
            return Fail("the status is not a number", out error);
        }

        long? size = null;
        if (TryWord(ref rest, out word) && !IsDash(word))
        {
            if (!TryNumber(word, out var number))
            {
                return Fail("the size is not a number", out error);
            }

            size = number;
        }

        _ = TryQuoted(ref rest, out var referrer);
        _ = TryQuoted(ref rest, out var agent);
        var question = target.IndexOf((byte)'?');
        line = new AccessLogLine
        {
            ClientAddress = Absent(text[..addressEnd]),
            Time = time,
            Method = method,
            Path = question < 0 ? target : target[..question],
            Query = question < 0 ? default : target[(question + 1)..],
            Protocol = protocol,
            Status = (int)status,
            Bytes = size,
            Referrer = Absent(referrer),
            Agent = Absent(agent),
        };
        return true;
    }

    private static bool Fail(string reason, out string? error)
    {
        error = reason;
        return false;
    }

    private static bool IsDash(ReadOnlySpan<byte> field) => field.Length == 1 && field[0] == '-';

    private static ReadOnlySpan<byte> Absent(ReadOnlySpan<byte> field) => IsDash(field) ? default : field;

    /// <summary>Method and target, and the protocol if the last word is one.</summary>
    private static bool TryRequest(
        ReadOnlySpan<byte> request, out ReadOnlySpan<byte> method, out ReadOnlySpan<byte> target, out ReadOnlySpan<byte> protocol)
    {
        protocol = default;
        target = default;
        var methodEnd = request.IndexOf((byte)' ');
        method = methodEnd > 0 ? request[..methodEnd] : default;
        if (method.IsEmpty || method.ContainsAnyExcept(MethodBytes))
        {
            return false;
        }

        target = request[(methodEnd + 1)..];
        var protocolStart = target.LastIndexOf((byte)' ') + 1;
        if (protocolStart > 0 && target[protocolStart..].StartsWith("HTTP/"u8))
        {
            protocol = target[protocolStart..];
            target = target[..(protocolStart - 1)];
        }

        target = target.Trim((byte)' ');
        return !target.IsEmpty;
    }

    /// <summary>The next field in quotes. A quote behind a backslash does not end it; a field that is cut off ends with the line.</summary>
    private static bool TryQuoted(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> field)
    {
        field = default;
        var start = rest.TrimStart((byte)' ');
        if (start.IsEmpty || start[0] != '"')
        {
            return false;
        }

        start = start[1..];
        for (var at = 0; at < start.Length; at++)
        {
            if (start[at] == '\\')
            {
                at++;
            }
            else if (start[at] == '"')
            {
                field = start[..at];
                rest = start[(at + 1)..];
                return true;
            }
        }

        field = start;
        rest = default;
        return true;
    }

    private static bool TryWord(scoped ref ReadOnlySpan<byte> rest, out ReadOnlySpan<byte> word)
    {
        rest = rest.TrimStart((byte)' ');
        var end = rest.IndexOf((byte)' ');
        word = end < 0 ? rest : rest[..end];
        rest = rest[word.Length..];
        return !word.IsEmpty;
    }

    private static bool TryNumber(ReadOnlySpan<byte> word, out long number) =>
        Utf8Parser.TryParse(word, out number, out var read) && read == word.Length && number >= 0 && word[0] is >= (byte)'0' and <= (byte)'9';

    /// <summary><c>17/May/2015:10:05:03 +0000</c>.</summary>
    private static bool TryTime(ReadOnlySpan<byte> text, out DateTime utc)
    {
        utc = default;
        var month = text.Slice(3, 3) switch
        {
            [(byte)'J', (byte)'a', (byte)'n'] => 1,
            [(byte)'F', (byte)'e', (byte)'b'] => 2,
            [(byte)'M', (byte)'a', (byte)'r'] => 3,
            [(byte)'A', (byte)'p', (byte)'r'] => 4,
            [(byte)'M', (byte)'a', (byte)'y'] => 5,
            [(byte)'J', (byte)'u', (byte)'n'] => 6,
            [(byte)'J', (byte)'u', (byte)'l'] => 7,
            [(byte)'A', (byte)'u', (byte)'g'] => 8,
            [(byte)'S', (byte)'e', (byte)'p'] => 9,
            [(byte)'O', (byte)'c', (byte)'t'] => 10,
            [(byte)'N', (byte)'o', (byte)'v'] => 11,
            [(byte)'D', (byte)'e', (byte)'c'] => 12,
            _ => 0,
        };
        if (month == 0 || text[2] != '/' || text[6] != '/' || text[11] != ':' || text[20] != ' ')
        {
            return false;
        }

        // Rearranged as ISO 8601, so that one parser judges every date.
        Span<byte> iso = stackalloc byte[24];
        text.Slice(7, 4).CopyTo(iso);
        iso[4] = iso[7] = (byte)'-';
        iso[5] = (byte)('0' + (month / 10));
        iso[6] = (byte)('0' + (month % 10));
        text[..2].CopyTo(iso[8..]);
        iso[10] = (byte)'T';
        text.Slice(12, 8).CopyTo(iso[11..]);
        text.Slice(21, 5).CopyTo(iso[19..]);
        return text[14] == ':' && text[17] == ':' && IsoTime.TryParse(iso, out utc);
    }
}
