using System.Text.RegularExpressions;

namespace Tidy.Tests.Rules;

/// <summary>What the documents name is there: paths, links and their anchors, settings.</summary>
internal static partial class Documents
{
    /// <summary>A path in backticks exists, below the root or beside the document; a bare file name exists somewhere.</summary>
    public static IEnumerable<Finding> Paths(SourceTree tree) =>
        from line in Prose(tree)
        from Match span in CodeSpan().Matches(line.Text)
        let path = span.Groups["code"].Value
        where LooksLikePath(tree, path) && !Exists(tree, line.Path, path)
        select new Finding(line.Path, line.Line, $"`{path}` does not exist", "name the path that the file has now, or drop the sentence");

    /// <summary>A link to a file resolves, and so does its anchor.</summary>
    public static IEnumerable<Finding> Links(SourceTree tree)
    {
        foreach (var (document, number, text) in Prose(tree))
        {
            foreach (Match link in Link().Matches(CodeSpan().Replace(text, "")))
            {
                var target = link.Groups["target"].Value;
                if (target.Contains(':', StringComparison.Ordinal))
                {
                    continue;
                }

                var parts = target.Split('#', 2);
                var file = parts[0].Length == 0 ? document : Beside(document, parts[0]);
                if (!tree.HasFileOrFolder(file))
                {
                    yield return new(document, number, $"the link to {target} leads nowhere", $"{file} does not exist: mend the link");
                }
                else if (parts.Length == 2 && tree.Has(file) && !Anchors(tree, file).Contains(parts[1]))
                {
                    yield return new(document, number, $"the link to {target} leads nowhere", $"{file} has no heading #{parts[1]}: mend the link");
                }
            }
        }
    }

    /// <summary>A setting that a document or a manifest names is one that the code reads.</summary>
    public static IEnumerable<Finding> SettingNames(SourceTree tree)
    {
        var code = string.Concat(tree.Paths.Where(ReadsSettings).Select(tree.Text));
        return from line in tree.Lines(NamesSettings)
               from Match setting in Setting().Matches(line.Text)
               let section = setting.Groups["section"].Value
               let name = setting.Groups["name"].Value
               where setting.Groups["variable"].Success
                   ? !Regex.IsMatch(code, $@"\b{setting.Value}\b")
                   : !code.Contains($"{section}:{name}", StringComparison.Ordinal)
                     && !code.Contains($"\"{name}\"", StringComparison.Ordinal)
                     && !Regex.IsMatch(code, $@"\b{name}\s*\{{\s*get\b")
               select new Finding(line.Path, line.Line, $"no code reads the setting {setting.Value}", "name the setting as the code does");
    }

    // Every line of every document that is not inside a fenced block.
    private static IEnumerable<(string Path, int Line, string Text)> Prose(SourceTree tree)
    {
        var (current, fenced) = ("", false);
        foreach (var line in tree.Lines(IsDocument))
        {
            if (line.Path != current)
            {
                (current, fenced) = (line.Path, false);
            }

            if (line.Text.TrimStart().StartsWith("```", StringComparison.Ordinal))
            {
                fenced = !fenced;
            }
            else if (!fenced)
            {
                yield return line;
            }
        }
    }

    // artifacts and .data come with building and running; ../ is outside of the repository.
    private static bool LooksLikePath(SourceTree tree, string code)
    {
        var first = code.Split('/')[0];
        return PathShape().IsMatch(code)
            && first is not ("artifacts" or ".data" or "..")
            && (FileName().IsMatch(code) || (code.Contains('/', StringComparison.Ordinal) && (first == "." || tree.HasFileOrFolder(first))));
    }

    private static bool Exists(SourceTree tree, string document, string path)
    {
        if (path.StartsWith("./", StringComparison.Ordinal))
        {
            path = path[2..];
        }

        return tree.HasFileOrFolder(path)
            || tree.HasFileOrFolder(Beside(document, path))
            || (!path.Contains('/', StringComparison.Ordinal) && tree.Paths.Any(file => file.EndsWith("/" + path, StringComparison.Ordinal)));
    }

    private static string Beside(string document, string path) =>
        Path.GetRelativePath("/", Path.GetFullPath(path, "/" + Path.GetDirectoryName(document))).Replace('\\', '/');

    // As GitHub makes them from headings.
    private static HashSet<string> Anchors(SourceTree tree, string file) =>
        [.. tree.Lines(path => path == file)
            .Where(line => line.Text.StartsWith('#'))
            .Select(line => NotInAnchors().Replace(line.Text.TrimStart('#').Trim(), "").Replace(' ', '-').ToLower(System.Globalization.CultureInfo.InvariantCulture))];

    private static bool IsDocument(string path) => path.EndsWith(".md", StringComparison.Ordinal);

    private static bool NamesSettings(string path) =>
        IsDocument(path) || (path.StartsWith("k8s/", StringComparison.Ordinal) && path.EndsWith(".yaml", StringComparison.Ordinal));

    private static bool ReadsSettings(string path) =>
        path == "dev" || (path.EndsWith(".cs", StringComparison.Ordinal) && !path.StartsWith("tests/Tidy.Tests/", StringComparison.Ordinal));

    [GeneratedRegex(@"`(?<code>[^`]+)`")]
    private static partial Regex CodeSpan();

    [GeneratedRegex(@"\[[^\]]*\]\((?<target>[^)\s]+)\)")]
    private static partial Regex Link();

    [GeneratedRegex(@"^[\w.*-]+(/[\w.*-]+)*/?$")]
    private static partial Regex PathShape();

    [GeneratedRegex(@"\.(cs|csproj|sln|props|targets|md|json|yaml|yml|sh|txt)$|(^|/)Dockerfile$")]
    private static partial Regex FileName();

    [GeneratedRegex(@"[^\w\- ]")]
    private static partial Regex NotInAnchors();

    [GeneratedRegex(@"\b(?<section>ConnectionStrings|Streams|Kafka)(?:__|:)(?<name>[A-Za-z]+)|\b(?<variable>STREAMS_[A-Z_]+)\b")]
    private static partial Regex Setting();
}
