namespace Simulation.Tests.Machine;

/// <summary>A call's connection broke. Whether the server did what was asked is not known.</summary>
internal sealed class BrokenCallException(string what) : IOException($"The connection broke during: {what}.");

/// <summary>How bad the network is. All off: it only has latency.</summary>
internal sealed class NetworkFaults
{
    public TimeSpan Latency { get; set; } = TimeSpan.FromMilliseconds(4);

    /// <summary>The part of calls whose connection breaks, before or after the server has done its work.</summary>
    public double Broken { get; set; }

    /// <summary>The part of calls that take up to <see cref="LongDelay"/>.</summary>
    public double Slow { get; set; }

    public TimeSpan LongDelay { get; set; } = TimeSpan.FromSeconds(3);

    public void Off() => Broken = Slow = 0;
}

/// <summary>
/// Calls from processes to servers. A request arrives and is worked on whether or not its sender is still there for the answer.
/// </summary>
internal sealed class Network(Simulator simulator, NetworkFaults faults)
{
    private readonly Dictionary<(SimulatedProcess Client, SimulatedProcess Server), TimeSpan> _cutUntil = [];

    /// <summary>Cuts the way between two for a while.</summary>
    public void Cut(SimulatedProcess client, SimulatedProcess server, TimeSpan duration) => _cutUntil[(client, server)] = simulator.Now + duration;

    /// <summary>Mends what was cut.</summary>
    public void Mend() => _cutUntil.Clear();

    public Task<T> CallAsync<T>(SimulatedProcess client, SimulatedProcess server, string what, Func<Task<T>> atServer)
    {
        var answer = new TaskCompletionSource<T>();
        var isCut = _cutUntil.TryGetValue((client, server), out var until) && until > simulator.Now;
        if (isCut || simulator.Chance(faults.Broken))
        {
            var arrives = simulator.Chance(isCut ? 0.1 : 0.6);
            simulator.Trace.Add(client.Name, $"{what}: broken, the request {(arrives ? "arrives" : "is lost")}");
            simulator.After(simulator.Some(faults.LongDelay), () => client.Post(() => answer.TrySetException(new BrokenCallException(what))));
            if (!arrives)
            {
                return answer.Task;
            }
        }

        simulator.After(Delay(), () => server.Post(() => _ = ServeAsync()));
        return answer.Task;

        async Task ServeAsync()
        {
            Action reply;
            try
            {
                var result = await server.RunAsync(atServer);
                reply = () => answer.TrySetResult(result);
            }
            catch (Exception e)
            {
                reply = () => answer.TrySetException(e);
            }

            simulator.After(Delay(), () => client.Post(reply));
        }
    }

    private TimeSpan Delay() => simulator.Some(simulator.Chance(faults.Slow) ? faults.LongDelay : faults.Latency);
}
