using System.Diagnostics.Metrics;
using Microsoft.Extensions.Logging;
using Simulation.Tests.Log;
using Simulation.Tests.Machine;
using Simulation.Tests.Store;
using Streams.Hosting;
using Streams.Hosting.Runtime;
using Streams.Hosting.Runtime.Actors;
using Streams.Hosting.Telemetry;

namespace Simulation.Tests.Scenario;

/// <summary>One process of a node: the production runtime and engine, over the fakes.</summary>
internal sealed class Node : IDisposable
{
    private readonly CancellationTokenSource _stopping = new();

    public Node(World world, string name, int number)
    {
        Name = name;
        Process = new SimulatedProcess(world.Simulator, $"{name}.{number}");
        var settings = world.Settings;
        var options = new StreamsOptions
        {
            ApplicationId = "simulated",
            NodeName = settings.AreStatic ? name : null,
            CommitInterval = settings.CommitInterval,
            StateCacheBytes = settings.StateCacheBytes,
            Guarantee = settings.Guarantee,
            ShutdownTimeout = TimeSpan.FromSeconds(15),
        };
        var loggers = new TraceLoggers(Process);
        var store = world.Wiring.Store(new FakeStore(world.Simulator, world.Network, world.Database, Process, world.StoreFaults, () => world.Kill(this)));

        // A node without a name of its own has another one in each process.
        var identity = settings.AreStatic ? name : Process.Name;
        var log = new FakeLog(
            world.Simulator, Process, world.Network, world.Cluster, world.LogFaults, identity, settings.AreStatic, NodeRuntime.IsTransactional(world.Topology, options));
        Metrics = new NodeMetrics(new Meters());
        var runtime = new NodeRuntime(
            world.Topology,
            options,
            store,
            world.Wiring.Log(log),
            new NodeHealth(new Logger<NodeHealth>(loggers)),
            Metrics,
            new NodeSurroundings(Process.Time, world.Simulator.Random, new ChannelActorSystem(Process.Scheduler), Process.Thread),
            loggers);
        Process.Trace("starts");
        Ended = Process.RunAsync(() => runtime.RunAsync(_stopping.Token));
    }

    public string Name { get; }

    public SimulatedProcess Process { get; }

    public NodeMetrics Metrics { get; }

    /// <summary>The process's end; never, if it is killed.</summary>
    public Task Ended { get; }

    public bool IsStopping { get; private set; }

    /// <summary>Told to stop, as by SIGTERM.</summary>
    public void Stop()
    {
        Process.Trace("is told to stop");
        IsStopping = true;
        Process.Post(_stopping.Cancel);
    }

    /// <summary>Ends its process, if that has not ended.</summary>
    public void Dispose()
    {
        Process.Kill();
        _stopping.Dispose();
        Metrics.Dispose();
    }

    private sealed class Meters : IMeterFactory
    {
        public Meter Create(MeterOptions options) => new(options);

        public void Dispose() { }
    }

    /// <summary>What a node logs is part of the trace.</summary>
    private sealed class TraceLoggers(SimulatedProcess process) : ILoggerFactory, ILogger
    {
        public void AddProvider(ILoggerProvider provider) { }

        public ILogger CreateLogger(string categoryName) => this;

        public IDisposable? BeginScope<TState>(TState state) where TState : notnull => null;

        public bool IsEnabled(LogLevel logLevel) => true;

        public void Log<TState>(LogLevel logLevel, EventId eventId, TState state, Exception? exception, Func<TState, Exception?, string> formatter) =>
            process.Trace($"\"{formatter(state, exception)}\"");

        public void Dispose() { }
    }
}
