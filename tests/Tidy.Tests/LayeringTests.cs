using Tidy.Tests.Rules;

namespace Tidy.Tests;

public sealed class LayeringTests
{
    public static TheoryData<string, string> Layers => new()
    {
        { "src/Topology", "Streams.Topology.dll" },
        { "src/Processors", "Streams.Processors.dll" },
        { "src/Host", "Streams.Hosting.dll" },
    };

    [Fact]
    public void project_references_follow_the_layers() => House.IsTidy(Layering.OfProjects(SourceTree.Repository));

    [Theory]
    [MemberData(nameof(Layers))]
    public void compiled_references_follow_the_layers(string layer, string assembly) =>
        House.IsTidy(Layering.OfAssembly(layer, Path.Combine(AppContext.BaseDirectory, assembly)));

    [Fact]
    public void a_reference_up_or_to_an_io_package_is_reported()
    {
        var tree = SourceTree.Sample(
            ("src/Topology/Topology.csproj", Project("PackageReference Include=\"Newtonsoft.Json\"", "PackageReference Include=\"Analyzer\" PrivateAssets=\"all\"")),
            ("src/Processors/Processors.csproj", Project("ProjectReference Include=\"..\\Host\\Host.csproj\"", "PackageReference Include=\"Npgsql\"")),
            ("src/Host/Host.csproj", Project("ProjectReference Include=\"../Topology/Topology.csproj\"", "ProjectReference Include=\"../../tests/TestKit/TestKit.csproj\"")),
            ("apps/Clickstream/Clickstream.csproj", Project(
                "ProjectReference Include=\"../../src/Host/Host.csproj\"", "PackageReference Include=\"Npgsql\"", "ProjectReference Include=\"../../bench/Bench.csproj\"")),
            ("bench/Bench.csproj", Project(
                "ProjectReference Include=\"../apps/Clickstream/Clickstream.csproj\"", "ProjectReference Include=\"../tests/TestKit/TestKit.csproj\"", "PackageReference Include=\"Npgsql\"")));

        House.Reports(
            Layering.OfProjects(tree),
            "apps/Clickstream/Clickstream.csproj:4: apps/Clickstream references bench",
            "src/Host/Host.csproj:3: src/Host references tests/TestKit",
            "src/Processors/Processors.csproj:2: src/Processors references src/Host",
            "src/Processors/Processors.csproj:3: src/Processors uses the package Npgsql",
            "src/Topology/Topology.csproj:2: src/Topology uses the package Newtonsoft.Json");
    }

    [Fact]
    public void a_project_outside_of_the_layers_is_reported() =>
        House.Reports(
            Layering.OfProjects(SourceTree.Sample(("src/Extras/Extras.csproj", Project("PackageReference Include=\"Npgsql\"")))),
            "src/Extras/Extras.csproj:2: src/Extras uses the package Npgsql",
            "src/Extras/Extras.csproj:1: src/Extras belongs to no layer");

    [Fact]
    public void an_assembly_compiled_against_io_is_reported()
    {
        // This assembly starts processes, which no pure layer may.
        var findings = Layering.OfAssembly("src/Topology", typeof(LayeringTests).Assembly.Location);

        Assert.Contains(findings, finding => finding.Problem == "Tidy.Tests.dll is compiled against System.Diagnostics.Process");
    }

    [Fact]
    public void an_assembly_compiled_against_a_higher_layer_is_reported() =>
        House.Reports(
            Layering.OfAssembly("src/Topology", Path.Combine(AppContext.BaseDirectory, "Streams.Processors.dll")).Where(IsOurs),
            "src/Topology:1: Streams.Processors.dll is compiled against Streams.Topology");

    private static bool IsOurs(Finding finding) => finding.Problem.Contains("against Streams.", StringComparison.Ordinal);

    private static string Project(params string[] elements) =>
        "<Project>\n" + string.Concat(elements.Select(element => $"<{element} />\n")) + "</Project>\n";
}
