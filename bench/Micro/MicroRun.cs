using System.CommandLine;
using BenchmarkDotNet.Configs;
using BenchmarkDotNet.Diagnosers;
using BenchmarkDotNet.Jobs;
using BenchmarkDotNet.Running;
using BenchmarkDotNet.Toolchains.InProcess.Emit;

namespace Streams.Bench.Micro;

/// <summary>The command <c>micro</c>: parts of the hot path by themselves, with BenchmarkDotNet.</summary>
internal static class MicroRun
{
    private static readonly Argument<string?> Filter = new("FILTER")
    {
        Description = "Part of the names to run, such as Codec or OperatorBenchmarks. Default: all.",
        Arity = ArgumentArity.ZeroOrOne,
    };

    private static readonly Option<bool> Dry = new("--dry") { Description = "Run each once, only to see that it runs." };

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command("micro", "Micro-benchmarks of codecs, operators, windows, the delta map and the writers.") { Filter, Dry };
        command.SetAction(Run);
        return command;
    }

    private static int Run(ParseResult arguments)
    {
        // In this process: a program of its own, as BenchmarkDotNet would build it, knows nothing of how this repository is built.
        var job = (arguments.GetValue(Dry) ? Job.Dry : Job.ShortRun).WithToolchain(InProcessEmitToolchain.Instance);
        var config = DefaultConfig.Instance
            .AddJob(job)
            .AddDiagnoser(MemoryDiagnoser.Default)
            .WithArtifactsPath(Path.Combine(TestKit.Repository.Root, "artifacts", "benchmarks"));
        var summaries = BenchmarkSwitcher.FromAssembly(typeof(MicroRun).Assembly).Run(["--filter", $"*{arguments.GetValue(Filter)}*"], config).ToList();
        return summaries.Count > 0 && summaries.All(s => !s.HasCriticalValidationErrors && s.Reports.All(report => report.Success)) ? 0 : 1;
    }
}
