using Streams.Bench.Input;
using Streams.Bench.Throughput;

namespace Streams.Bench.Children;

/// <summary>A child's whole life: one job, and its result on standard output.</summary>
internal static class ChildProgram
{
    /// <summary>The argument that makes this program a child.</summary>
    public const string Verb = "child";

    public static async Task<int> RunAsync()
    {
        try
        {
            var result = await RunAsync(Job.FromEnvironment());
            Console.WriteLine(result.ToLine());
            return 0;
        }
        catch (BenchException e)
        {
            Console.WriteLine(e.Message);
            return 1;
        }
    }

    private static async Task<ChildResult> RunAsync(Job job) => job.Kind switch
    {
        JobKind.Load => new ChildResult { Facts = ClickLoader.Run(job) },
        JobKind.Feed => new ChildResult { Facts = Feeder.Run(job) },
        JobKind.Limit => LimitRun.Run(job),
        JobKind.Node => await NodeRun.RunAsync(job),
        JobKind.Copy => await CopyRun.RunAsync(job),
        _ => throw new BenchException($"There is no job {job.Kind}."),
    };
}
