using System.Globalization;
using System.Text.RegularExpressions;

namespace Streams.Hosting.Embedded;

/// <summary>The server programs of one installed PostgreSQL.</summary>
/// <param name="Folder">The folder that holds <c>initdb</c> and <c>postgres</c>.</param>
/// <param name="Major">The major version, such as 15.</param>
internal sealed partial record PostgresBinaries(string Folder, int Major)
{
    /// <summary>Where Debian, PGDG's RPMs, Alpine and Homebrew put the server programs, which are rarely on PATH.</summary>
    private static readonly string[] Patterns =
    [
        "/usr/lib/postgresql/*/bin", "/usr/pgsql-*/bin", "/usr/libexec/postgresql*",
        "/opt/homebrew/opt/postgresql@*/bin", "/usr/local/opt/postgresql@*/bin",
    ];

    public string InitDb => Path.Combine(Folder, "initdb");

    public string Postgres => Path.Combine(Folder, "postgres");

    /// <summary>The newest PostgreSQL of this machine, or the newest of one major version.</summary>
    /// <param name="folder">The only folder to look in; null to look everywhere.</param>
    /// <param name="major">The version that wrote the data; null if there are none yet.</param>
    /// <param name="dataFolder">Where these data are, for the message.</param>
    /// <exception cref="EmbeddedServerException">There is none; says what to install.</exception>
    public static PostgresBinaries Find(string? folder, int? major, string dataFolder)
        => Find(folder is null ? InstalledFolders() : [folder], major, dataFolder);

    internal static PostgresBinaries Find(IReadOnlyList<string> folders, int? major, string dataFolder)
    {
        List<PostgresBinaries> found = [.. folders.Select(TryRead).OfType<PostgresBinaries>()];
        if (found.FirstOrDefault(b => major is null || b.Major == major) is { } fits)
        {
            return fits;
        }
        if (found.Count == 0)
        {
            throw new EmbeddedServerException(
                "PostgreSQL's server programs (initdb, postgres) were not found on this machine. Install them, on Debian and Ubuntu with "
                + "`apt-get install postgresql`, or use a server that runs elsewhere (ConnectionStrings:Postgres).");
        }
        throw new EmbeddedServerException(
            $"The data in {dataFolder} were written by PostgreSQL {major}, and this machine has {string.Join(", ", found.Select(b => b.Major).Distinct())}. "
            + $"Install that version, on Debian with `apt-get install postgresql-{major}`, or remove the folder to start with empty data.");
    }

    /// <summary>Every folder that may hold server programs: the well-known ones, newest version first, then those on PATH.</summary>
    private static List<string> InstalledFolders()
    {
        IEnumerable<string> known = Patterns.SelectMany(Expand).OrderByDescending(VersionInPath);
        IEnumerable<string> onPath = (Environment.GetEnvironmentVariable("PATH") ?? "")
            .Split(Path.PathSeparator, StringSplitOptions.RemoveEmptyEntries)
            .Select(folder => Path.Combine(folder, "initdb"))
            .Where(File.Exists)
            .Select(file => Path.GetDirectoryName(File.ResolveLinkTarget(file, returnFinalTarget: true)?.FullName ?? file)!);
        return [.. known.Concat(onPath).Distinct()];
    }

    /// <summary>The folders that a pattern with one star, in one path segment, stands for.</summary>
    private static IEnumerable<string> Expand(string pattern)
    {
        int star = pattern.IndexOf('*', StringComparison.Ordinal);
        int before = pattern.LastIndexOf('/', star);
        int after = pattern.IndexOf('/', star);
        string parent = pattern[..before];
        string segment = after < 0 ? pattern[(before + 1)..] : pattern[(before + 1)..after];
        string rest = after < 0 ? "" : pattern[(after + 1)..];
        return Directory.Exists(parent)
            ? Directory.EnumerateDirectories(parent, segment).Select(d => rest.Length == 0 ? d : Path.Combine(d, rest))
            : [];
    }

    private static int VersionInPath(string folder)
        => Number().Match(folder) is { Success: true } m ? int.Parse(m.ValueSpan, CultureInfo.InvariantCulture) : 0;

    private static PostgresBinaries? TryRead(string folder)
    {
        if (!File.Exists(Path.Combine(folder, "initdb")) || !File.Exists(Path.Combine(folder, "postgres")))
        {
            return null;
        }
        CommandResult version = Command.Run(Path.Combine(folder, "postgres"), ["--version"]);
        return version.ExitCode == 0 && Number().Match(version.Output) is { Success: true } m
            ? new PostgresBinaries(folder, int.Parse(m.ValueSpan, CultureInfo.InvariantCulture))
            : null;
    }

    [GeneratedRegex("[0-9]{1,4}")]
    private static partial Regex Number();
}
