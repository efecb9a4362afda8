namespace Streams.Hosting.Runtime;

/// <summary>Tries the same until it works, with growing waits in between; what does not pass by itself is thrown.</summary>
internal sealed class Retries(NodeHealth health, NodeSurroundings surroundings)
{
    public async Task RunAsync(Dependency dependency, Func<Task> work, CancellationToken stopping)
    {
        var backoff = new Backoff(surroundings);
        while (true)
        {
            try
            {
                await work();
                health.Up(dependency);
                return;
            }
            catch (Exception e) when (Failures.IsTransient(e) && !stopping.IsCancellationRequested)
            {
                health.Down(dependency, Failures.Describe(e));
                await backoff.WaitAsync(stopping);
            }
        }
    }
}
