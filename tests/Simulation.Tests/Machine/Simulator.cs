namespace Simulation.Tests.Machine;

/// <summary>
/// A world in which one thing happens at a time, and chance alone, from a seed, says which: the next event that is due, or a
/// step of one of the processes that can run. Time moves when nothing can run, and now and then before that, as it does for
/// a machine that is slow.
/// </summary>
internal sealed class Simulator : IDisposable
{
    private const double SlowMachine = 0.02;
    private readonly PriorityQueue<Action, (long Ticks, long Number)> _events = new();
    private readonly List<SimulatedProcess> _processes = [];
    private readonly List<SimulatedProcess> _runnable = [];
    private long _eventNumber;

    public Simulator(int seed)
    {
        Random = new Random(seed);
        Trace = new Trace(() => Now);
    }

    /// <summary>All chance comes from here, in the order in which things happen.</summary>
    public Random Random { get; }

    public Trace Trace { get; }

    /// <summary>Time since the world began.</summary>
    public TimeSpan Now { get; private set; }

    /// <summary>How many steps and events there were.</summary>
    public long Steps { get; private set; }

    /// <summary>The thread whose turn it is: the simulator's own, or that of the process that it waits for.</summary>
    public int Turn { get; set; } = Environment.CurrentManagedThreadId;

    /// <summary>Nothing may happen behind the simulator's back: it would not happen again from the same seed.</summary>
    public void CheckTurn()
    {
        if (Environment.CurrentManagedThreadId != Turn)
        {
            Environment.FailFast($"Something runs on a thread of its own, outside the simulation:{Environment.NewLine}{Environment.StackTrace}");
        }
    }

    public bool Chance(double probability) => probability > 0 && Random.NextDouble() < probability;

    /// <summary>A time from zero up to <paramref name="longest"/>, more often short than long.</summary>
    public TimeSpan Some(TimeSpan longest)
    {
        var part = Random.NextDouble();
        return longest * (part * part * part);
    }

    /// <summary>Lets something happen later: at a server, in the network, to a process.</summary>
    public void After(TimeSpan delay, Action action)
    {
        CheckTurn();
        _events.Enqueue(action, ((Now + (delay > TimeSpan.Zero ? delay : TimeSpan.Zero)).Ticks, _eventNumber++));
    }

    public void Add(SimulatedProcess process) => _processes.Add(process);

    public void Remove(SimulatedProcess process) => _processes.Remove(process);

    /// <summary>Lets the next thing happen.</summary>
    /// <returns>False when there is nothing left that could.</returns>
    public bool Step()
    {
        Steps++;
        _runnable.Clear();
        foreach (var process in _processes)
        {
            if (process.CanRun)
            {
                _runnable.Add(process);
            }
        }

        var hasEvent = _events.TryPeek(out _, out var next);
        if (_runnable.Count == 0 || Chance(SlowMachine))
        {
            if (!hasEvent)
            {
                return _runnable.Count > 0;
            }

            Now = TimeSpan.FromTicks(Math.Max(Now.Ticks, next.Ticks));
        }

        var choices = _runnable.Count + (hasEvent && next.Ticks <= Now.Ticks ? 1 : 0);
        var choice = Random.Next(choices);
        if (choice < _runnable.Count)
        {
            _runnable[choice].Step();
        }
        else
        {
            _events.Dequeue()();
        }

        return true;
    }

    public void Dispose()
    {
        foreach (var process in _processes.ToList())
        {
            process.Kill();
        }
    }
}
