using System.Text.RegularExpressions;

namespace Tidy.Tests.Rules;

/// <summary>What can be said of a Dockerfile without building it. Its context is the repository's root.</summary>
internal static partial class Containers
{
    private const string BuildsFrom = "the image is built from the repository's root";

    /// <summary>What is copied into the image exists, and .dockerignore lets it through.</summary>
    public static IEnumerable<Finding> CopiedPaths(SourceTree tree)
    {
        var ignored = tree.Lines(path => path == ".dockerignore").Select(line => line.Text.Trim()).Where(line => line.Length > 0 && line[0] != '#').ToList();
        foreach (var line in tree.Lines(IsDockerfile))
        {
            var copy = Copy().Match(line.Text);
            if (!copy.Success || copy.Groups["from"].Success)
            {
                continue;
            }

            foreach (var source in copy.Groups["paths"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..^1])
            {
                if (!tree.HasFileOrFolder(source))
                {
                    yield return new(line.Path, line.Line, $"COPY {source}: no such path", $"{BuildsFrom}: mend the path");
                }
                else if (ignored.Contains(source.TrimEnd('/')))
                {
                    yield return new(line.Path, line.Line, $"COPY {source}: .dockerignore leaves it out", "take it out of .dockerignore");
                }
            }
        }
    }

    /// <summary>Every project that the image builds is copied, with those it references.</summary>
    public static IEnumerable<Finding> CopiedProjects(SourceTree tree)
    {
        foreach (var path in tree.Paths.Where(IsDockerfile))
        {
            var copied = tree.Lines(file => file == path)
                .Select(line => Copy().Match(line.Text))
                .Where(copy => copy.Success && !copy.Groups["from"].Success)
                .SelectMany(copy => copy.Groups["paths"].Value.Split(' ', StringSplitOptions.RemoveEmptyEntries)[..^1])
                .ToList();
            foreach (var project in Needed(tree, tree.Paths.Where(file => file.EndsWith(".csproj", StringComparison.Ordinal) && Folder(file) == Folder(path))))
            {
                if (!copied.Contains(project))
                {
                    yield return new(path, 1, $"{project} is not copied before the restore", $"add: COPY {project} {Folder(project)}/");
                }
            }
        }
    }

    /// <summary>The image's last stage runs as an ordinary user.</summary>
    public static IEnumerable<Finding> User(SourceTree tree)
    {
        foreach (var path in tree.Paths.Where(IsDockerfile))
        {
            var lines = tree.Lines(file => file == path).Select(line => line.Text.Trim()).ToList();
            var lastStage = lines.FindLastIndex(line => line.StartsWith("FROM ", StringComparison.Ordinal));
            var user = lines.FindLastIndex(line => line.StartsWith("USER ", StringComparison.Ordinal));
            if (user < lastStage || user < 0 || lines[user] is "USER root" or "USER 0")
            {
                yield return new(path, lastStage + 1, "the last stage runs as root", "end it with USER and an ordinary user");
            }
        }
    }

    private static HashSet<string> Needed(SourceTree tree, IEnumerable<string> projects)
    {
        var needed = new HashSet<string>(StringComparer.Ordinal);
        var open = new Queue<string>(projects);
        while (open.TryDequeue(out var project))
        {
            if (needed.Add(project))
            {
                foreach (Match reference in ProjectReference().Matches(tree.Text(project)))
                {
                    open.Enqueue(Path.GetRelativePath("/", Path.GetFullPath(reference.Groups["path"].Value, "/" + Folder(project))).Replace('\\', '/'));
                }
            }
        }

        return needed;
    }

    private static string Folder(string path) => Path.GetDirectoryName(path)!.Replace('\\', '/');

    private static bool IsDockerfile(string path) => Path.GetFileName(path) == "Dockerfile";

    [GeneratedRegex(@"^\s*COPY\s+(?:(?<from>--from=\S+)\s+|--\S+\s+)*(?<paths>.+)$")]
    private static partial Regex Copy();

    [GeneratedRegex(@"<ProjectReference\s+Include=""(?<path>[^""]+)""")]
    private static partial Regex ProjectReference();
}
