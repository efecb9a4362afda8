using System.Reflection.Metadata;
using System.Reflection.PortableExecutable;
using System.Xml.Linq;

namespace Tidy.Tests.Rules;

/// <summary>Topology knows nothing, Processors knows Topology, Host knows both; I/O libraries stay in Host and above.</summary>
internal static class Layering
{
    private const string Remedy = "dependencies run Topology <- Processors <- Host <- apps, and I/O lives in Host: move the code to the layer that may do this";

    private static readonly Dictionary<string, string[]> ProjectsAllowed = new(StringComparer.Ordinal)
    {
        ["src/Topology"] = [],
        ["src/Processors"] = ["src/Topology"],
        ["src/Host"] = ["src/Topology", "src/Processors"],
    };

    private static readonly string[] IoPackages = ["Confluent.Kafka", "librdkafka.redist", "Npgsql"];

    /// <summary>What the project files say.</summary>
    public static IEnumerable<Finding> OfProjects(SourceTree tree)
    {
        foreach (var path in tree.Paths.Where(path => path.EndsWith(".csproj", StringComparison.Ordinal)))
        {
            var folder = path[..path.LastIndexOf('/')];
            var references = XDocument.Parse(tree.Text(path), LoadOptions.SetLineInfo).Descendants();
            foreach (var reference in references)
            {
                var (problem, name) = (reference.Name.LocalName, (string?)reference.Attribute("Include")) switch
                {
                    ("ProjectReference", { } include) when !MayReference(folder, Resolve(folder, include)) => ("references", Resolve(folder, include)),
                    ("PackageReference", { } include) when !MayUse(folder, include, reference) => ("uses the package", include),
                    _ => ("", ""),
                };
                if (problem.Length > 0)
                {
                    yield return new(path, ((System.Xml.IXmlLineInfo)reference).LineNumber, $"{folder} {problem} {name}", Remedy);
                }
            }

            if (folder.StartsWith("src/", StringComparison.Ordinal) && !ProjectsAllowed.ContainsKey(folder))
            {
                yield return new(path, 1, $"{folder} belongs to no layer", "say in the layering rule which projects it may reference");
            }
        }
    }

    /// <summary>What the compiled assemblies say: a project file may be in order while a reference comes in another way.</summary>
    public static IEnumerable<Finding> OfAssembly(string layer, string assemblyFile)
    {
        string[] allowed = layer switch
        {
            "src/Topology" => [],
            "src/Processors" => ["Streams.Topology"],
            "src/Host" => ["Streams.Topology", "Streams.Processors"],
            _ => throw new ArgumentOutOfRangeException(nameof(layer), layer, "no layer of this name"),
        };
        return from name in ReferencesOf(assemblyFile)
               where (name.StartsWith("Streams.", StringComparison.Ordinal) && !allowed.Contains(name)) || (layer != "src/Host" && DoesIo(name))
               select new Finding(layer, 1, $"{Path.GetFileName(assemblyFile)} is compiled against {name}", Remedy);
    }

    private static bool MayReference(string folder, string target) =>
        ProjectsAllowed.TryGetValue(folder, out var allowed)
            ? allowed.Contains(target)
            : !folder.StartsWith("apps/", StringComparison.Ordinal) || target.StartsWith("src/", StringComparison.Ordinal);

    private static bool MayUse(string folder, string package, XElement reference) => folder switch
    {
        "src/Topology" => (string?)reference.Attribute("PrivateAssets") == "all",
        "src/Processors" => !IoPackages.Contains(package),
        "src/Host" => true,
        _ => !folder.StartsWith("src/", StringComparison.Ordinal) || !IoPackages.Contains(package),
    };

    private static bool DoesIo(string assembly) =>
        assembly is "Confluent.Kafka" or "Npgsql" or "System.Diagnostics.Process" or "System.Data.Common"
        || assembly.StartsWith("Microsoft.AspNetCore", StringComparison.Ordinal)
        || assembly.StartsWith("Microsoft.Extensions", StringComparison.Ordinal)
        || assembly.StartsWith("System.Net", StringComparison.Ordinal)
        || assembly.StartsWith("System.IO", StringComparison.Ordinal);

    private static string Resolve(string folder, string include) =>
        Path.GetDirectoryName(Path.GetRelativePath("/", Path.GetFullPath(include.Replace('\\', '/'), "/" + folder)))!.Replace('\\', '/');

    private static List<string> ReferencesOf(string assemblyFile)
    {
        using var image = new PEReader(File.OpenRead(assemblyFile));
        var metadata = image.GetMetadataReader();
        return [.. metadata.AssemblyReferences.Select(handle => metadata.GetString(metadata.GetAssemblyReference(handle).Name))];
    }
}
