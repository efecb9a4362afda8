using Simulation.Tests.Log;
using Simulation.Tests.Machine;
using Simulation.Tests.Store;
using Streams;
using Streams.Hosting;

namespace Simulation.Tests.Scenario;

/// <summary>A run went wrong: what the model says, or nothing happened for too long.</summary>
internal sealed class WrongException(string message) : Exception(message);

/// <summary>
/// One run from a seed: an application's nodes over one log and one store, input, faults; then no more faults, until all is
/// worked off; then the nodes are told to stop, and the model looks at what is there.
/// </summary>
internal sealed class World : IDisposable
{
    /// <summary>How long what is left may take once there are no more faults.</summary>
    private static readonly TimeSpan _drainTimeout = TimeSpan.FromMinutes(5);
    private static readonly TimeSpan _lastLooks = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan _stopTimeout = TimeSpan.FromSeconds(30);

    private const int OutputPartitions = 2;

    /// <summary>Some fifty times what a run takes.</summary>
    private const long MostSteps = 500_000;
    private readonly NetworkFaults _networkFaults = new();
    private readonly List<Node> _nodes = [];
    private readonly RandomInput _input;
    private string? _violation;
    private int _started;
    private bool _isStopping;

    public World(int seed, Wiring? wiring = null, Guarantee? guarantee = null)
    {
        Wiring = wiring ?? Wiring.Right;
        Simulator = new Simulator(seed);
        Settings = Settings.Of(Simulator, guarantee);
        Topology = SimulatedTopology.Build(hasRepartition: Settings.Guarantee == Guarantee.ExactlyOnce);
        Network = new Network(Simulator, _networkFaults);
        Database = new Database(Simulator, Topology, Settings.Store, Violate) { HasFence = Wiring.HasFence };
        Cluster = new Cluster(
            Simulator, Settings.Group, Settings.TransactionTimeout,
            [.. Topology.SourceTopics.Select(topic => (topic, topic == SimulatedTopology.Visits ? Settings.Partitions : OutputPartitions))]);
        foreach (var topic in Topology.SinkTopics.Except(Topology.SourceTopics))
        {
            Cluster.Topics.Create(topic, OutputPartitions);
        }

        _input = new RandomInput(Simulator, Cluster.Topics, Settings.Duration);
    }

    public Simulator Simulator { get; }

    public Settings Settings { get; }

    public Wiring Wiring { get; }

    public Network Network { get; }

    public Database Database { get; }

    public Cluster Cluster { get; }

    public Topology Topology { get; }

    public StoreFaults StoreFaults { get; } = new();

    public LogFaults LogFaults { get; } = new();

    public IReadOnlyList<Node> Nodes => _nodes;

    /// <exception cref="WrongException">Something is not as it must be.</exception>
    public void Run()
    {
        Simulator.Trace.Add("world", Settings.ToString());
        BeUnreliable(Settings.Unreliability);
        _input.Write(Settings.Records);
        for (var i = 0; i < Settings.Nodes; i++)
        {
            Start($"node-{i}");
        }

        var faults = new Faults(this);
        faults.Plan(Settings.Faults, Settings.Duration);
        var person = new Person(this);
        person.Plan(Settings.Looks, Settings.Duration);
        RunUntil(() => _input.IsDone && Simulator.Now >= Settings.Duration, Settings.Duration + TimeSpan.FromSeconds(1), "the input to be written");

        Simulator.Trace.Add("world", "no more faults");
        faults.End();
        BeUnreliable(0);
        Network.Mend();
        RunUntil(IsWorkedOff, _drainTimeout, "everything to be committed");
        person.Plan(Settings.Looks, _lastLooks);
        var until = Simulator.Now + _lastLooks + TimeSpan.FromSeconds(1);
        RunUntil(() => Simulator.Now >= until && IsWorkedOff(), _drainTimeout, "the last replays to be committed");
        Settle();
        _isStopping = true;
        _nodes.ForEach(n => n.Stop());
        RunUntil(() => _nodes.TrueForAll(n => n.Ended.IsCompleted), _stopTimeout, "the nodes to stop");
        Simulator.Trace.Add("world", "all nodes have stopped");
        new Model(this).Check();
        ThrowIfViolated();
    }

    /// <summary>Starts a process of a node.</summary>
    public void Start(string name)
    {
        if (!_isStopping)
        {
            _nodes.Add(new Node(this, name, ++_started));
        }
    }

    /// <summary>Starts a node again unless another process of it runs already.</summary>
    public void StartAgain(string name, TimeSpan after) => Simulator.After(after, () =>
    {
        if (!_nodes.Exists(n => n.Name == name))
        {
            Start(name);
        }
    });

    /// <summary>Kills a process, and starts its node again some time later.</summary>
    public void Kill(Node node)
    {
        if (_nodes.Contains(node))
        {
            Simulator.Trace.Add("fault", $"{node.Process.Name} is killed");
            Forget(node);
            StartAgain(node.Name, Simulator.Some(TimeSpan.FromSeconds(8)));
        }
    }

    /// <summary>Forgets a process that has ended or was killed.</summary>
    public void Forget(Node node)
    {
        node.Dispose();
        _nodes.Remove(node);
    }

    public void Dispose()
    {
        _nodes.ForEach(n => n.Dispose());
        Simulator.Dispose();
    }

    /// <summary>Notes what must never be, whatever the end looks like.</summary>
    public void Violate(string what)
    {
        Simulator.Trace.Add("world", $"WRONG: {what}");
        _violation ??= what;
    }

    private void BeUnreliable(double unreliability)
    {
        _networkFaults.Broken = 0.03 * unreliability;
        _networkFaults.Slow = 0.03 * unreliability;
        StoreFaults.Refused = 0.03 * unreliability;
        StoreFaults.CommitRefused = 0.02 * unreliability;
        StoreFaults.CommitBroken = 0.06 * unreliability;
        StoreFaults.DiesInCommit = 0.005 * unreliability;
        StoreFaults.DiesInCommitOfReplays = 0.3 * unreliability;
        LogFaults.Reread = 0.05 * unreliability;
        LogFaults.Abortable = 0.03 * unreliability;
        LogFaults.Fatal = 0.02 * unreliability;
        LogFaults.Hanging = 0.005 * unreliability;
    }

    /// <summary>Every record is part of a committed cycle, every replay that was asked for too, and nobody is in the middle of one.</summary>
    private bool IsWorkedOff() => Database.Letters.Rows.Values.All(l => !l.IsRequested)
        && !Cluster.HasOpenTransactions
        && Topology.SourceTopics.SelectMany(Cluster.Topics.PartitionsOf)
            .All(p => !Cluster.Topics.HasCommitted(p, Database.Partitions.GetValueOrDefault(p)?.NextOffset ?? 0));

    /// <summary>
    /// Whatever is still on its way arrives, and the transactions of nodes that are no more time out: a consumer of committed
    /// records sees nothing behind an open one.
    /// </summary>
    private void Settle()
    {
        var until = Simulator.Now + TimeSpan.FromSeconds(3);
        RunUntil(() => Simulator.Now >= until && !Cluster.HasOpenTransactions, Settings.TransactionTimeout + TimeSpan.FromSeconds(10), "transactions to end");
    }

    private void RunUntil(Func<bool> condition, TimeSpan patience, string what)
    {
        var deadline = Simulator.Now + patience;
        while (!condition())
        {
            ThrowIfViolated();
            if (Simulator.Now > deadline)
            {
                throw new WrongException($"After {patience} it still waits for {what}.");
            }

            if (Simulator.Steps > MostSteps)
            {
                throw new WrongException($"After {MostSteps} steps it still waits for {what}.");
            }

            if (!Simulator.Step())
            {
                throw new WrongException($"Nothing can happen any more, and it waits for {what}.");
            }

            LookAfterNodes();
        }
    }

    /// <summary>A node that gave up is started again, as an orchestrator would; one that was told to stop, too.</summary>
    private void LookAfterNodes()
    {
        for (var i = 0; i < _nodes.Count; i++)
        {
            var node = _nodes[i];
            if (!node.Ended.IsCompleted || node.IsStopping)
            {
                continue;
            }

            var error = node.Ended.Exception?.InnerException;
            node.Process.Trace($"has ended by itself: {error?.Message}");
            if (error is null || !Expected.Is(error))
            {
                Violate($"{node.Process.Name} has ended: {error}");
            }

            Forget(node);
            i--;
            StartAgain(node.Name, TimeSpan.FromSeconds(1));
        }
    }

    private void ThrowIfViolated()
    {
        if (_violation is not null)
        {
            throw new WrongException(_violation);
        }
    }
}
