using System.CommandLine;

namespace Clickstream;

/// <summary>The question before something that cannot be taken back.</summary>
internal static class Confirmation
{
    /// <summary>The option that answers beforehand.</summary>
    public static Option<bool> YesOption() => new("--yes", "-y") { Description = "Do not ask." };

    /// <summary>Asks on standard error: standard output is the result's. Without a person at standard input the answer is no.</summary>
    /// <param name="arguments">The command line.</param>
    /// <param name="question">The question.</param>
    public static bool Ask(ParseResult arguments, string question)
    {
        var error = arguments.InvocationConfiguration.Error;
        if (Console.IsInputRedirected)
        {
            error.WriteLine("There is nobody to ask; --yes answers beforehand.");
            return false;
        }

        error.Write($"{question} [y/N] ");
        error.Flush();
        return Console.In.ReadLine()?.Trim() is "y" or "Y" or "yes";
    }
}
