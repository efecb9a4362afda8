using Tidy.Tests.Rules;

namespace Tidy.Tests;

public sealed class DeliveryTests
{
    private const string ToolsAbsent = "../shared/k8s-tools is absent; with it beside the repository, the manifests are checked";

    [Fact]
    public void the_image_copies_what_exists() => House.IsTidy(Containers.CopiedPaths(SourceTree.Repository));

    [Fact]
    public void the_image_restores_every_project_that_it_builds() => House.IsTidy(Containers.CopiedProjects(SourceTree.Repository));

    [Fact]
    public void the_image_runs_as_an_ordinary_user() => House.IsTidy(Containers.User(SourceTree.Repository));

    [Fact]
    public void manifests_are_what_kubernetes_accepts()
    {
        Assert.SkipWhen(Manifests.Tool is null, ToolsAbsent);

        House.IsTidy(Manifests.Schemas(Manifests.Tool!, SourceTree.Repository.Root, Overlays()));
    }

    [Fact]
    public void manifests_follow_good_practice()
    {
        Assert.SkipWhen(Manifests.Tool is null, ToolsAbsent);

        House.IsTidy(Manifests.GoodPractice(Manifests.Tool!, SourceTree.Repository.Root, "k8s/overlays/production"));
    }

    [Fact]
    public void a_copied_path_that_is_missing_or_ignored_is_reported()
    {
        var tree = SourceTree.Sample(
            ("apps/A/Dockerfile", "FROM x AS build\nCOPY src/ gone/ /source/\nCOPY --chown=1:1 tests/ tests/\nCOPY --from=build /app .\n"),
            (".dockerignore", "# no tests\ntests\n"),
            ("src/B.cs", ""),
            ("tests/C.cs", ""));

        House.Reports(
            Containers.CopiedPaths(tree),
            "apps/A/Dockerfile:2: COPY gone/: no such path",
            "apps/A/Dockerfile:3: COPY tests/: .dockerignore leaves it out");
    }

    [Fact]
    public void a_project_that_the_image_does_not_copy_is_reported()
    {
        var tree = SourceTree.Sample(
            ("apps/A/Dockerfile", "FROM x\nCOPY apps/A/A.csproj apps/A/\n"),
            ("apps/A/A.csproj", "<ProjectReference Include=\"../../src/B/B.csproj\" />"),
            ("src/B/B.csproj", ""));

        House.Reports(Containers.CopiedProjects(tree), "apps/A/Dockerfile:1: src/B/B.csproj is not copied");
    }

    [Theory]
    [InlineData("FROM x AS build\nUSER 1654\nFROM y\n", 3)]
    [InlineData("FROM y\n", 1)]
    [InlineData("FROM y\nUSER 1654\nUSER root\n", 1)]
    public void an_image_that_runs_as_root_is_reported(string dockerfile, int line) =>
        House.Reports(Containers.User(SourceTree.Sample(("apps/A/Dockerfile", dockerfile))), $"apps/A/Dockerfile:{line}: the last stage runs as root");

    [Fact]
    public void a_manifest_with_an_unknown_field_or_bad_practice_is_reported()
    {
        Assert.SkipWhen(Manifests.Tool is null, ToolsAbsent);
        var folder = Directory.CreateTempSubdirectory("streams-tidy-");
        try
        {
            File.WriteAllText(Path.Combine(folder.FullName, "kustomization.yaml"), "resources: [pod.yaml]\n");
            File.WriteAllText(
                Path.Combine(folder.FullName, "pod.yaml"),
                "apiVersion: v1\nkind: Pod\nmetadata: {name: a}\nspec: {container: [], containers: [{name: a, image: a}]}\n");

            var schema = Assert.Single(Manifests.Schemas(Manifests.Tool!, folder.FullName, ["."]));
            Assert.Contains("'container' not allowed", schema.Problem, StringComparison.Ordinal);
            var practice = Assert.Single(Manifests.GoodPractice(Manifests.Tool!, folder.FullName, "."));
            Assert.Contains("[CRITICAL]", practice.Problem, StringComparison.Ordinal);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }

    private static string[] Overlays() =>
        [.. Directory.GetDirectories(Path.Combine(SourceTree.Repository.Root, "k8s", "overlays")).Select(folder => "k8s/overlays/" + Path.GetFileName(folder)).Order(StringComparer.Ordinal)];
}
