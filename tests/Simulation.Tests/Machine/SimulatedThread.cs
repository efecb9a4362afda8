using Streams.Hosting.Runtime;

namespace Simulation.Tests.Machine;

/// <summary>The process is dead, and its thread unwinds.</summary>
internal sealed class ProcessDiedException : Exception;

/// <summary>
/// The consumer's thread: a real one, that runs only while the simulator stands still and waits for it. It gives the turn back
/// whenever it waits.
/// </summary>
internal sealed class SimulatedThread(Simulator simulator, SimulatedProcess process) : IConsumerThread, IDisposable
{
    private readonly AutoResetEvent _turn = new(false);
    private readonly AutoResetEvent _back = new(false);
    private Func<bool>? _isReady;
    private TimeSpan _deadline;
    private int _id;

    /// <summary>It waits no longer, or its time is up.</summary>
    public bool CanRun => _isReady is not null && (simulator.Now >= _deadline || _isReady());

    public void Start(Action run)
    {
        _isReady = () => true;
        var thread = new Thread(() => Main(run), maxStackSize: 512 * 1024) { IsBackground = true, Name = $"simulated {process.Name}" };
        _id = thread.ManagedThreadId;
        thread.Start();
    }

    public bool Wait(Task task, TimeSpan timeout) => WaitUntil(() => task.IsCompleted, timeout);

    /// <summary>Gives the turn back until something is so, or the time is up.</summary>
    /// <returns>Whether it is so.</returns>
    public bool WaitUntil(Func<bool> isReady, TimeSpan timeout)
    {
        if (process.IsDead)
        {
            throw new ProcessDiedException();
        }

        if (isReady())
        {
            return true;
        }

        if (timeout == Timeout.InfiniteTimeSpan)
        {
            _deadline = TimeSpan.MaxValue;
        }
        else
        {
            _deadline = simulator.Now + timeout;
            simulator.After(timeout, () => { });
        }

        _isReady = isReady;
        _back.Set();
        _turn.WaitOne();
        return process.IsDead ? throw new ProcessDiedException() : isReady();
    }

    /// <summary>Lets it run until it waits again.</summary>
    public void Go()
    {
        _isReady = null;
        simulator.Turn = _id;
        _turn.Set();
        _back.WaitOne();
        simulator.Turn = Environment.CurrentManagedThreadId;
    }

    public void Dispose()
    {
        _turn.Dispose();
        _back.Dispose();
    }

    /// <summary>Lets a dead process's thread unwind.</summary>
    public void End()
    {
        if (_isReady is not null)
        {
            Go();
        }
    }

    private void Main(Action run)
    {
        _turn.WaitOne();
        process.Enter();
        try
        {
            if (!process.IsDead)
            {
                run();
            }
        }
        finally
        {
            _isReady = null;
            _back.Set();
        }
    }
}
