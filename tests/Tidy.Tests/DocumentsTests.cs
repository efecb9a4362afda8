using Tidy.Tests.Rules;

namespace Tidy.Tests;

public sealed class DocumentsTests
{
    [Fact]
    public void paths_in_documents_exist() => House.IsTidy(Documents.Paths(SourceTree.Repository));

    [Fact]
    public void links_in_documents_resolve() => House.IsTidy(Documents.Links(SourceTree.Repository));

    [Fact]
    public void settings_in_documents_and_manifests_are_read_by_the_code() => House.IsTidy(Documents.SettingNames(SourceTree.Repository));

    [Fact]
    public void the_documents_that_a_newcomer_looks_for_are_there() =>
        Assert.All(["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md", "LICENSE"], name => Assert.True(SourceTree.Repository.Has(name), name + " is missing"));

    [Theory]
    [InlineData("src/Host/Gone.cs")]
    [InlineData("src/Gone/")]
    [InlineData("Gone.cs")]
    [InlineData("src/*/Gone*.cs")]
    [InlineData("./src/Gone")]
    public void a_path_that_does_not_exist_is_reported(string path) =>
        House.Reports(
            Documents.Paths(SourceTree.Sample(("ARCHITECTURE.md", "Text.\nSee `" + path + "`.\n"), ("src/Host/Here.cs", ""))),
            $"ARCHITECTURE.md:2: `{path}` does not exist");

    [Fact]
    public void paths_that_exist_and_code_that_is_no_path_are_not_reported()
    {
        const string text = "`src/Host` `src/Host/` `src/*/He*.cs` `Here.cs` `./src` `more.md` `/health/live` `read_committed` `artifacts/app` `a/b`\n```\n`src/Gone.cs`\n```\n";

        House.IsTidy(Documents.Paths(SourceTree.Sample(("docs/a.md", text), ("docs/more.md", ""), ("src/Host/Here.cs", ""))));
    }

    [Theory]
    [InlineData("gone.md")]
    [InlineData("../b.md")]
    [InlineData("../README.md#nothing-here")]
    [InlineData("#nothing-here")]
    public void a_link_that_leads_nowhere_is_reported(string target) =>
        House.Reports(
            Documents.Links(SourceTree.Sample(("docs/a.md", "# A\n[x](" + target + ")\n"), ("README.md", "# Read me\n"))),
            $"docs/a.md:2: the link to {target} leads nowhere");

    [Fact]
    public void links_that_resolve_are_not_reported()
    {
        const string text = "# A heading, with `code`\n[a](../README.md#read-me) [b](#a-heading-with-code) [c](https://example.com/x) [d](../docs) `[e](gone.md)`\n";

        House.IsTidy(Documents.Links(SourceTree.Sample(("docs/a.md", text), ("README.md", "# Read me\n"))));
    }

    [Theory]
    [InlineData("README.md", "Streams" + "__Wrong")]
    [InlineData("README.md", "Streams" + ":Wrong")]
    [InlineData("README.md", "STREAMS" + "_WRONG")]
    [InlineData("k8s/base/a.yaml", "ConnectionStrings" + "__Wrong")]
    public void a_setting_that_no_code_reads_is_reported(string document, string setting) =>
        House.Reports(
            Documents.SettingNames(SourceTree.Sample((document, "\n" + setting + "=1\n"), ("src/A.cs", "public int Right { get; }"))),
            $"{document}:2: no code reads the setting {setting}");

    [Fact]
    public void settings_that_the_code_reads_are_not_reported() =>
        House.IsTidy(Documents.SettingNames(SourceTree.Sample(
            ("README.md", "Streams" + "__CommitInterval ConnectionStrings" + "__Kafka Kafka" + "__Consumer__fetch.min.bytes STREAMS" + "_TEST_X"),
            ("src/A.cs", "public TimeSpan CommitInterval { get; init; } x.GetConnectionString(\"Kafka\"); \"Kafka:Consumer\" \"STREAMS" + "_TEST_X\""))));
}
