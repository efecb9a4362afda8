using System.Globalization;
using Streams.Bench.Live;
using TestKit;

namespace Streams.Bench.Children;

/// <summary>Runs one job in a process of its own, so that what it uses can be told from everything else.</summary>
internal static class Child
{
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(100);

    /// <summary>Runs a job to its end.</summary>
    /// <param name="job">The job.</param>
    /// <param name="progress">Hears how far it has come, from 0 to 1.</param>
    /// <param name="cancellation">Kills it.</param>
    /// <exception cref="BenchException">It failed; the message is what it wrote.</exception>
    public static async Task<ChildResult> RunAsync(Job job, Action<double> progress, CancellationToken cancellation)
    {
        await using var process = Start(job);
        while (!process.HasExited)
        {
            if (process.Lines.LastOrDefault(line => line.StartsWith(Progress.Prefix, StringComparison.Ordinal)) is { } line)
            {
                progress(double.Parse(line.AsSpan(Progress.Prefix.Length), CultureInfo.InvariantCulture));
            }

            await Task.Delay(Look, cancellation);
        }

        return Result(job, process);
    }

    // With the app's runtime settings, and the image's heaps: what is measured is how the app would run.
    private static NodeProcess Start(Job job) => NodeProcess.Start(
        "dotnet",
        [
            "exec", "--runtimeconfig", Path.ChangeExtension(NodeUnderTest.App, ".runtimeconfig.json"),
            "--depsfile", Path.ChangeExtension(typeof(Child).Assembly.Location, ".deps.json"),
            typeof(Child).Assembly.Location, ChildProgram.Verb,
        ],
        new Dictionary<string, string?> { [Job.Variable] = job.ToJson(), ["MALLOC_ARENA_MAX"] = "2" });

    private static ChildResult Result(Job job, NodeProcess process)
    {
        var line = process.Lines.LastOrDefault(line => line.StartsWith(ChildResult.Prefix, StringComparison.Ordinal));
        return line is not null
            ? ChildResult.FromLine(line)
            : throw new BenchException($"{job.Name} failed. It wrote:\n"
                + string.Join('\n', process.Lines.Where(line => !line.StartsWith(Progress.Prefix, StringComparison.Ordinal))));
    }
}
