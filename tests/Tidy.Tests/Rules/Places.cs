using System.Text.RegularExpressions;

namespace Tidy.Tests.Rules;

/// <summary>Nothing in the repository depends on, or tells of, the machine or the network that it was written on.</summary>
internal static partial class Places
{
    // Only where a server is meant, by a port or a prefix: in records, such an address is as good an example as any.
    private const string PrivateAddress = @"(?<![\d.])(10(\.\d{1,3}){3}|192\.168(\.\d{1,3}){2}|172\.(1[6-9]|2\d|3[01])(\.\d{1,3}){2})";

    public static IEnumerable<Finding> OfMachines(SourceTree tree) =>
        from line in tree.Lines(static _ => true)
        let path = MachinePath().Match(line.Text)
        where path.Success
        select new Finding(line.Path, line.Line, $"the path {path.Value} of one machine", "use a path below the repository, or a temporary folder");

    public static IEnumerable<Finding> OfNetworks(SourceTree tree) =>
        from line in tree.Lines(static _ => true)
        let host = PrivateHost().Match(line.Text)
        where host.Success
        select new Finding(line.Path, line.Line, $"{host.Value} is part of a private network", "take it from configuration; in samples, use example.com or localhost");

    // A NuGet feed belongs to the machine's configuration: the build takes whatever feed it finds there.
    public static IEnumerable<Finding> OfFeeds(SourceTree tree) =>
        from line in tree.Lines(static path => !path.EndsWith(".md", StringComparison.Ordinal))
        let feed = Feed().Match(line.Text)
        where feed.Success && !feed.Value.Contains("//api.nuget.org/", StringComparison.Ordinal)
        select new Finding(line.Path, line.Line, $"the package feed {feed.Value}", "leave feeds to the machine's NuGet configuration");

    [GeneratedRegex(@"(?<![\w.~$}*-])/(home|root|Users|work|workspaces?)/[\w.]*|\b[A-Z]:\\(Users|work)\\")]
    private static partial Regex MachinePath();

    [GeneratedRegex(@"\b[\w-]+(\.[\w-]+)*\.(internal|intranet|corp|lan|home\.arpa)(?=[:/""'\s]|$)|" + PrivateAddress + @":\d|(?<=//|@|=)" + PrivateAddress + @"(?![\d.])")]
    private static partial Regex PrivateHost();

    [GeneratedRegex(@"https?://[^\s""'<>]+/(v3/index\.json|nuget(?=[/""'\s]))")]
    private static partial Regex Feed();
}
