using Tidy.Tests.Rules;

namespace Tidy.Tests;

public sealed class SettingsTests
{
    [Fact]
    public void the_solution_holds_every_project() => House.IsTidy(Settings.Solution(SourceTree.Repository));

    [Fact]
    public void the_editor_config_is_short() => House.IsTidy(Settings.EditorConfigLength(SourceTree.Repository));

    [Fact]
    public void each_suppression_has_its_reason() => House.IsTidy(Settings.Suppressions(SourceTree.Repository));

    [Fact]
    public void a_project_missing_from_the_solution_or_from_disk_is_reported()
    {
        const string entry = "Project(\"{FAE0}\") = \"{0}\", \"src\\{0}\\{0}.csproj\", \"{1}\"\n";
        var tree = SourceTree.Sample(
            ("Streams.sln", "\n" + entry.Replace("{0}", "A", StringComparison.Ordinal) + entry.Replace("{0}", "Gone", StringComparison.Ordinal)),
            ("src/A/A.csproj", ""),
            ("src/B/B.csproj", ""));

        House.Reports(Settings.Solution(tree), "src/B/B.csproj:1: Streams.sln lacks this project", "Streams.sln:3: src/Gone/Gone.csproj does not exist");
    }

    [Fact]
    public void an_editor_config_of_80_lines_is_reported()
    {
        static SourceTree Lines(int count) => SourceTree.Sample((".editorconfig", string.Concat(Enumerable.Repeat("a = b\n", count))));

        House.IsTidy(Settings.EditorConfigLength(Lines(79)));
        House.Reports(Settings.EditorConfigLength(Lines(80)), ".editorconfig:80: 80 lines");
    }

    [Fact]
    public void a_suppression_without_a_reason_is_reported()
    {
        const string diagnostic = "dotnet_diagnostic.CA1.severity = none\n";
        var tree = SourceTree.Sample(
            (".editorconfig", "# A reason for two.\n" + diagnostic + diagnostic + "x = y\n" + diagnostic),
            ("a.csproj", "<!-- A reason. -->\n<NoWarn" + ">A</NoWarn>\n<X />\n<NoWarn" + ">B</NoWarn>\n"),
            ("b.cs", "[Suppress" + "Message(\"a\", \"b\", Justification = \"It is generated.\")]\n[Suppress" + "Message(\"a\", \"b\")]\n"));

        // An attribute that follows an explained one belongs to its block only where a comment explains the block.
        House.Reports(
            Settings.Suppressions(tree).Where(finding => finding.File != "b.cs"),
            ".editorconfig:5: 'dotnet_diagnostic.CA1.severity = none' has no reason",
            "a.csproj:4: '<NoWarn" + ">B</NoWarn>' has no reason");
        Assert.Single(Settings.Suppressions(SourceTree.Sample(("b.cs", "\n[Suppress" + "Message(\"a\", \"b\")]\n"))));
    }
}
