using System.Buffers;
using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Clickstream;

/// <summary>Options that take a duration: <c>20s</c>, <c>1m30s</c>, <c>500ms</c> or <c>00:00:20</c>.</summary>
internal static class DurationOption
{
    private static readonly SearchValues<char> NumberCharacters = SearchValues.Create("0123456789.");

    private static readonly (string Name, TimeSpan Length)[] Units =
    [
        ("ms", TimeSpan.FromMilliseconds(1)), ("s", TimeSpan.FromSeconds(1)), ("m", TimeSpan.FromMinutes(1)), ("h", TimeSpan.FromHours(1)),
    ];

    /// <summary>Creates an option.</summary>
    /// <param name="name">Its name, with dashes.</param>
    /// <param name="description">Its help.</param>
    public static Option<TimeSpan?> Create(string name, string description)
    {
        return new Option<TimeSpan?>(name) { Description = description, HelpName = "time", CustomParser = Parse };

        TimeSpan? Parse(ArgumentResult result)
        {
            var text = result.Tokens[0].Value;
            if (TryParse(text, out var duration))
            {
                return duration;
            }

            result.AddError($"{name} takes a time such as 20s, 1m30s or 00:00:20, not {text}.");
            return null;
        }
    }

    /// <summary>Reads a duration above zero. A number without a unit is none: nobody could tell which was meant.</summary>
    public static bool TryParse(string text, out TimeSpan duration)
    {
        duration = TimeSpan.Zero;
        if (text.Contains(':', StringComparison.Ordinal))
        {
            return TimeSpan.TryParse(text, CultureInfo.InvariantCulture, out duration) && duration > TimeSpan.Zero;
        }

        var rest = text.AsSpan();
        while (!rest.IsEmpty)
        {
            var numberLength = rest.IndexOfAnyExcept(NumberCharacters);
            if (numberLength <= 0 || !double.TryParse(rest[..numberLength], CultureInfo.InvariantCulture, out var number))
            {
                return false;
            }

            rest = rest[numberLength..];
            var unitLength = rest.IndexOfAny(NumberCharacters);
            var unitName = (unitLength < 0 ? rest : rest[..unitLength]).ToString();
            var unit = Array.Find(Units, u => u.Name == unitName).Length;
            if (unit == TimeSpan.Zero || number * unit.TotalSeconds + duration.TotalSeconds >= TimeSpan.MaxValue.TotalSeconds)
            {
                return false;
            }

            duration += number * unit;
            rest = rest[unitName.Length..];
        }

        return duration > TimeSpan.Zero;
    }
}
