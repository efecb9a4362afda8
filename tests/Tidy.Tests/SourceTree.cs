using System.Diagnostics;
using System.Text.RegularExpressions;

namespace Tidy.Tests;

/// <summary>The text files of a repository, by their paths below its root: the real one, or a sample made for a test.</summary>
internal sealed class SourceTree
{
    private static readonly string[] Unversioned = [".git", ".data", ".vs", ".idea", "artifacts", "bin", "obj"];

    private readonly SortedDictionary<string, string> _texts = new(StringComparer.Ordinal);

    private SourceTree(string root) => Root = root;

    /// <summary>The repository that these tests were built from.</summary>
    public static SourceTree Repository { get; } = Load(FindRoot());

    /// <summary>The folder on disk; empty for a sample.</summary>
    public string Root { get; }

    public IEnumerable<string> Paths => _texts.Keys;

    public static SourceTree Sample(params (string Path, string Text)[] files)
    {
        var tree = new SourceTree("");
        foreach (var (path, text) in files)
        {
            tree._texts.Add(path, text);
        }

        return tree;
    }

    public string Text(string path) => _texts[path];

    public bool Has(string path) => _texts.ContainsKey(path);

    /// <summary>Whether the path, in which <c>*</c> stands for any part of a name, is a file or a folder with files.</summary>
    public bool HasFileOrFolder(string path)
    {
        var pattern = "^" + Regex.Escape(path.TrimEnd('/')).Replace("\\*", "[^/]*", StringComparison.Ordinal) + "(/|$)";
        return path is "." or "./" or "" || _texts.Keys.Any(file => Regex.IsMatch(file, pattern));
    }

    /// <summary>The lines of every file whose path ends so and starts so, numbered from 1.</summary>
    public IEnumerable<(string Path, int Line, string Text)> Lines(Func<string, bool> wanted) =>
        from file in _texts
        where wanted(file.Key)
        from line in file.Value.Split('\n').Select((text, index) => (Number: index + 1, Text: text.TrimEnd('\r')))
        select (file.Key, line.Number, line.Text);

    private static string FindRoot()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Streams.sln")))
            {
                return folder.FullName;
            }
        }

        throw new InvalidOperationException($"No folder above {AppContext.BaseDirectory} has Streams.sln; run these tests from where they were built.");
    }

    private static SourceTree Load(string root)
    {
        var tree = new SourceTree(root);
        foreach (var path in FilesByGit(root) ?? FilesByWalking(root))
        {
            var bytes = File.ReadAllBytes(Path.Combine(root, path));
            tree._texts.Add(path, bytes.AsSpan().Contains((byte)0) ? "" : System.Text.Encoding.UTF8.GetString(bytes));
        }

        return tree;
    }

    // What git would commit. Without git, or in a folder that is no clone, the files are listed instead.
    private static List<string>? FilesByGit(string root)
    {
        try
        {
            var start = new ProcessStartInfo("git", ["ls-files", "-z", "--cached", "--others", "--exclude-standard"])
            {
                WorkingDirectory = root,
                RedirectStandardOutput = true,
                RedirectStandardError = true,
            };
            using var git = Process.Start(start)!;
            git.ErrorDataReceived += static (_, _) => { };
            git.BeginErrorReadLine();
            var output = git.StandardOutput.ReadToEnd();
            git.WaitForExit();
            return git.ExitCode != 0
                ? null
                : [.. output.Split('\0', StringSplitOptions.RemoveEmptyEntries).Distinct().Where(path => File.Exists(Path.Combine(root, path)))];
        }
        catch (System.ComponentModel.Win32Exception)
        {
            return null;
        }
    }

    private static IEnumerable<string> FilesByWalking(string root) =>
        from file in Directory.EnumerateFiles(root, "*", SearchOption.AllDirectories)
        let path = Path.GetRelativePath(root, file).Replace('\\', '/')
        where !path.Split('/').Any(Unversioned.Contains)
        select path;
}
