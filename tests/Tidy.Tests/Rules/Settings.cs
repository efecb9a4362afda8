using System.Text.RegularExpressions;

namespace Tidy.Tests.Rules;

/// <summary>The solution is complete, and whatever is suppressed says why.</summary>
internal static partial class Settings
{
    public const int MaxEditorConfigLines = 80;

    public static IEnumerable<Finding> Solution(SourceTree tree)
    {
        const string solution = "Streams.sln";
        var listed = tree.Lines(path => path == solution)
            .Select(line => (line.Line, Project: Project().Match(line.Text).Groups["path"].Value.Replace('\\', '/')))
            .Where(entry => entry.Project.Length > 0)
            .ToList();
        foreach (var project in tree.Paths.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            if (listed.All(entry => entry.Project != project))
            {
                yield return new(project, 1, $"{solution} lacks this project", $"dotnet sln {solution} add {project}");
            }
        }

        foreach (var (line, project) in listed.Where(entry => !tree.Has(entry.Project)))
        {
            yield return new(solution, line, $"{project} does not exist", $"dotnet sln {solution} remove {project}");
        }
    }

    public static IEnumerable<Finding> EditorConfigLength(SourceTree tree)
    {
        var lines = tree.Lines(path => path == ".editorconfig").Where(line => line.Text.Trim().Length > 0).Count();
        if (lines >= MaxEditorConfigLines)
        {
            yield return new(".editorconfig", MaxEditorConfigLines, $"{lines} lines", $"drop what the defaults say; stay under {MaxEditorConfigLines}");
        }
    }

    /// <summary>Above each suppression, or each block of them, stands a comment; an attribute has its Justification.</summary>
    public static IEnumerable<Finding> Suppressions(SourceTree tree)
    {
        var previous = (Path: "", Line: 0, Text: "", Explained: false);
        foreach (var (path, number, text) in tree.Lines(MaySuppress))
        {
            var above = previous.Path == path ? previous : (path, Line: 0, Text: "", Explained: false);
            var suppresses = Suppression().IsMatch(text);
            var explained = suppresses
                ? IsComment(above.Text) || (above.Explained && Suppression().IsMatch(above.Text)) || Justification().IsMatch(text)
                : IsComment(text);
            if (suppresses && !explained)
            {
                yield return new(path, number, $"'{text.Trim()}' has no reason", "write the reason in a comment on the line above, or mend what is suppressed");
            }

            previous = (path, number, text, explained);
        }
    }

    private static bool MaySuppress(string path) =>
        path is ".editorconfig" || path.EndsWith(".cs", StringComparison.Ordinal)
        || path.EndsWith(".csproj", StringComparison.Ordinal) || path.EndsWith(".props", StringComparison.Ordinal) || path.EndsWith(".targets", StringComparison.Ordinal);

    private static bool IsComment(string line) =>
        line.TrimStart() is { Length: > 0 } text
        && (text[0] == '#' || text.StartsWith("//", StringComparison.Ordinal) || text.EndsWith("-->", StringComparison.Ordinal));

    [GeneratedRegex(@"^Project\(.*?\) = ""[^""]*"", ""(?<path>[^""]*\.csproj)""")]
    private static partial Regex Project();

    [GeneratedRegex(@"^\s*dotnet_diagnostic\..*\.severity\s*=\s*(none|silent)|<(NoWarn|WarningsNotAsErrors)>|^\s*\[(assembly: )?(SuppressMessage|UnconditionalSuppressMessage)\b")]
    private static partial Regex Suppression();

    [GeneratedRegex(@"Justification\s*=\s*""[^""]{10,}")]
    private static partial Regex Justification();
}
