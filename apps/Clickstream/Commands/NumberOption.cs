using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;

namespace Clickstream;

/// <summary>Options that take a number, and say in plain words which numbers they take.</summary>
internal static class NumberOption
{
    /// <summary>Creates an option.</summary>
    /// <param name="name">Its name, with dashes.</param>
    /// <param name="wanted">Which numbers it takes, for the error message: <c>1 or more</c>.</param>
    /// <param name="isGood">Whether it takes a number.</param>
    /// <param name="description">Its help.</param>
    /// <param name="defaultValue">Its value where the command line does not give it.</param>
    public static Option<T> Create<T>(string name, string wanted, Func<T, bool> isGood, string description, T? defaultValue = default)
    {
        var option = new Option<T>(name) { Description = description, HelpName = "N", CustomParser = Parse };
        if (defaultValue is not null)
        {
            option.DefaultValueFactory = _ => defaultValue;
        }

        return option;

        T? Parse(ArgumentResult result)
        {
            var text = result.Tokens[0].Value;
            try
            {
                var type = Nullable.GetUnderlyingType(typeof(T)) ?? typeof(T);
                var number = (T)Convert.ChangeType(text, type, CultureInfo.InvariantCulture);
                if (isGood(number))
                {
                    return number;
                }
            }
            catch (Exception e) when (e is FormatException or OverflowException)
            {
                // Said below, as for a number that is not taken.
            }

            result.AddError($"{name} takes {wanted}, not {text}.");
            return default;
        }
    }
}
