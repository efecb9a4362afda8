using System.Globalization;
using System.Text;

namespace Clickstream.Tests;

/// <summary>Valid clicks, written as oddly as JSON allows. The same seed writes the same documents.</summary>
internal sealed class RandomClickJson(int seed)
{
    private static readonly string[] Pieces = ["/", "cart", "é", "ß", "😀", "漢", " ", "\"", "\\", "a", "?", "{", "}", "[", ",", ":", "null", "\n", "\u007f"];

    private readonly Random _random = new(seed);

    /// <summary>Whether to write flat objects without escapes and line breaks only.</summary>
    public bool Plain { get; init; }

    public string Next()
    {
        var members = new List<string>
        {
            Member("path", Text(Words())),
            Member("status", Number(int.MinValue, int.MaxValue)),
        };
        if (_random.Next(3) > 0)
        {
            members.Add(Member("user_id", _random.Next(5) == 0 ? "null" : Number(long.MinValue, long.MaxValue)));
        }

        if (_random.Next(4) > 0)
        {
            members.Add(Member("time", Time()));
        }

        for (var n = _random.Next(6); n > 0; n--)
        {
            members.Add(Member(Words() + "_", Anything(Plain ? 0 : 3)));
        }

        var order = members.ToArray();
        _random.Shuffle(order);
        var result = string.Join(Space() + "," + Space(), order);
        if (_random.Next(5) == 0)
        {
            // A first spelling that the one behind it replaces, whatever it was.
            string[] first = [Member("status", Anything(0)), Member("path", Anything(0)), Member("user_id", Anything(0))];
            result = string.Join(",", [.. first, result, Member("user_id", "7")]);
        }

        return Space() + "{" + Space() + result + Space() + "}" + Space();
    }

    private string Member(string name, string value) => Text(name) + Space() + ":" + Space() + value;

    private string Words() => string.Concat(Enumerable.Range(0, _random.Next(8)).Select(_ => Pieces[_random.Next(Pieces.Length)])
        .Where(piece => !Plain || !(piece.Contains('"') || piece.Contains('\\') || piece.Contains('\n'))));

    private string Text(string text)
    {
        var result = new StringBuilder("\"");
        var escapes = !Plain && _random.Next(3) == 0;
        foreach (var unit in text)
        {
            // Halves of a pair are escaped both or not at all.
            var mustEscape = unit is '"' or '\\' or < ' ';
            if (mustEscape || (escapes && (char.IsSurrogate(unit) || _random.Next(3) == 0)))
            {
                result.Append(unit switch
                {
                    '/' when _random.Next(2) == 0 => @"\/",
                    '"' when _random.Next(2) == 0 => "\\\"",
                    '\\' when _random.Next(2) == 0 => @"\\",
                    '\n' when _random.Next(2) == 0 => @"\n",
                    _ => @"\u" + ((int)unit).ToString(_random.Next(2) == 0 ? "x4" : "X4", CultureInfo.InvariantCulture),
                });
            }
            else
            {
                result.Append(unit);
            }
        }

        return result.Append('"').ToString();
    }

    private string Number(long from, long to) => (_random.Next(4) switch
    {
        0 => _random.NextInt64(from, to),
        1 => 0,
        _ => _random.Next(100, 600),
    }).ToString(CultureInfo.InvariantCulture);

    private string Time()
    {
        var time = new DateTime(_random.NextInt64(new DateTime(1900, 1, 1).Ticks, new DateTime(2100, 1, 1).Ticks));
        string[] formats =
        [
            "yyyy-MM-ddTHH:mmZ", "yyyy-MM-ddTHH:mm:ss", "yyyy-MM-ddTHH:mm:ssZ", "yyyy-MM-dd HH:mm:ss.fffZ",
            "yyyy-MM-ddTHH:mm:ss.fffffff+02:00", "yyyy-MM-ddTHH:mm:ss.f-11:30", "yyyy-MM-ddTHH:mm:ss.ffffff+14:00",
        ];
        return _random.Next(8) switch
        {
            0 => "null",
            1 => ((time.Ticks - DateTime.UnixEpoch.Ticks) / TimeSpan.TicksPerMillisecond).ToString(CultureInfo.InvariantCulture),
            _ => Text(time.ToString(formats[_random.Next(formats.Length)], CultureInfo.InvariantCulture)),
        };
    }

    private string Anything(int depth) => _random.Next(depth > 0 ? 9 : 6) switch
    {
        0 => "null",
        1 => "true",
        2 => "false",
        3 => Number(long.MinValue, long.MaxValue),
        4 => Text(Words()),
        5 => Plain ? "1" : "-12.5e-3",
        6 => "[" + Space() + string.Join(",", Enumerable.Range(0, _random.Next(3)).Select(_ => Anything(depth - 1))) + Space() + "]",
        _ => "{" + Space() + string.Join(",", Ours().Select(name => Member(name, Anything(depth - 1)))) + Space() + "}",
    };

    /// <summary>Names of nested members that look like a click's.</summary>
    private IEnumerable<string> Ours() => new[] { "path", "status", "user_id", "time" }.Where(_ => _random.Next(2) == 0);

    private string Space() => _random.Next(4) > 0 ? "" : Plain ? " " : new[] { " ", "\n", "\t", "\r\n", "  " }[_random.Next(5)];
}
