using System.Diagnostics;

namespace Tidy.Tests.Rules;

/// <summary>Kubernetes manifests, checked by the tools that lie beside the repository where a team shares them.</summary>
internal static class Manifests
{
    /// <summary>The program, or null where it is absent.</summary>
    public static string? Tool
    {
        get
        {
            var path = Path.GetFullPath(Path.Combine(SourceTree.Repository.Root, "..", "shared", "k8s-tools", "k8s"));
            return File.Exists(path) ? path : null;
        }
    }

    /// <summary>Every object of each kustomization is what the schemas of its kind allow.</summary>
    public static IEnumerable<Finding> Schemas(string tool, string root, string[] kustomizations)
    {
        var (code, output) = Run(tool, root, ["check", .. kustomizations]);
        if (code != 0)
        {
            yield return new(string.Join(' ', kustomizations), 1, "k8s check fails:\n" + output.Trim(), "mend what it names");
        }
    }

    /// <summary>The rendered objects follow good practice, as kube-score sees it.</summary>
    public static IEnumerable<Finding> GoodPractice(string tool, string root, string kustomization)
    {
        var (built, manifests) = Run(tool, root, ["kustomize", "build", kustomization]);
        var (code, output) = built != 0 ? (built, manifests) : Run(tool, root, ["score", "--kubernetes-version", "v1.30", "--output-format", "ci", "-"], manifests);
        var complaints = output.Split('\n').Where(line => line.StartsWith("[CRITICAL]", StringComparison.Ordinal) || line.StartsWith("[WARNING]", StringComparison.Ordinal)).ToList();
        if (code != 0 || complaints.Count > 0)
        {
            yield return new(
                kustomization,
                1,
                "k8s score complains:\n" + (complaints.Count > 0 ? string.Join('\n', complaints) : output.Trim()),
                "mend what it names");
        }
    }

    private static (int Code, string Output) Run(string tool, string folder, string[] arguments, string? input = null)
    {
        var start = new ProcessStartInfo(tool, arguments)
        {
            WorkingDirectory = folder,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        using var process = Process.Start(start)!;
        var errors = process.StandardError.ReadToEndAsync();
        var output = process.StandardOutput.ReadToEndAsync();
        process.StandardInput.Write(input);
        process.StandardInput.Close();
        process.WaitForExit();
        return (process.ExitCode, process.ExitCode == 0 ? output.Result : output.Result + errors.Result);
    }
}
