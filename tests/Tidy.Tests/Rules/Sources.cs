using System.Text.RegularExpressions;

namespace Tidy.Tests.Rules;

/// <summary>What C# files look like.</summary>
internal static partial class Sources
{
    public const int MaxLines = 400;

    public static IEnumerable<Finding> Length(SourceTree tree) =>
        from path in tree.Paths.Where(IsCode)
        let lines = tree.Text(path).AsSpan().TrimEnd('\n').Count('\n') + 1
        where lines > MaxLines
        select new Finding(path, MaxLines + 1, $"{lines} lines", $"split it by responsibility so that each file has at most {MaxLines}");

    public static IEnumerable<Finding> Words(SourceTree tree) =>
        from line in tree.Lines(IsCode)
        let word = ForbiddenWord().Match(line.Text)
        where word.Success
        select new Finding(line.Path, line.Line, $"'{word.Value.Trim()}'", "do what it says now, or delete it; suppressions go to .editorconfig with their reason");

    public static IEnumerable<Finding> SleepingTests(SourceTree tree) =>
        from line in tree.Lines(path => IsCode(path) && path.StartsWith("tests/", StringComparison.Ordinal))
        where Sleep().IsMatch(line.Text)
        select new Finding(line.Path, line.Line, "a test sleeps", "poll for what it waits for, with a deadline");

    /// <summary>A test method's name is a sentence: words with underscores between them.</summary>
    public static IEnumerable<Finding> TestNames(SourceTree tree) =>
        from path in tree.Paths.Where(path => IsCode(path) && path.StartsWith("tests/", StringComparison.Ordinal))
        from Match test in TestMethod().Matches(tree.Text(path))
        let name = test.Groups["name"]
        where !name.Value.Contains('_', StringComparison.Ordinal)
        select new Finding(
            path,
            tree.Text(path).AsSpan(0, name.Index).Count('\n') + 1,
            $"the test {name.Value} has no sentence for a name",
            "write what holds, words joined by underscores: a_fenced_task_writes_nothing");

    private static bool IsCode(string path) => path.EndsWith(".cs", StringComparison.Ordinal);

    [GeneratedRegex(@"^\s*#(pragma|region)\b|\b(TO(?:DO)|FIX(?:ME)|HA(?:CK))\b")]
    private static partial Regex ForbiddenWord();

    [GeneratedRegex(@"\bThread\s*\.\s*Sleep\b")]
    private static partial Regex Sleep();

    [GeneratedRegex(@"^\s*\[(?:Fact|Theory)\b[^\n]*\n(?:\s*\[[^\n]*\n|\s*//[^\n]*\n)*\s*(?:public|internal)\b[^\n(]*?\b(?<name>\w+)\s*(?:<[^>\n]*>)?\(", RegexOptions.Multiline)]
    private static partial Regex TestMethod();
}
