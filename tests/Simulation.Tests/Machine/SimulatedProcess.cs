namespace Simulation.Tests.Machine;

/// <summary>
/// A process: its tasks, its timers and at most one thread of its own. It can be stopped for a while, and what comes for it
/// meanwhile waits; or killed, and nothing of it runs any more.
/// </summary>
/// <remarks>
/// <code>
/// running -- Stall --> stalled -- Resume --> running
///    |                    |
///    +------- Kill -------+----> dead
/// </code>
/// </remarks>
internal sealed class SimulatedProcess
{
    private readonly Simulator _simulator;
    private readonly List<object> _work = [];
    private readonly List<Action> _onDeath = [];
    private readonly ProcessScheduler _scheduler;
    private readonly ProcessContext _context;
    private bool _isStalled;

    public SimulatedProcess(Simulator simulator, string name)
    {
        _simulator = simulator;
        Name = name;
        _scheduler = new ProcessScheduler(this);
        _context = new ProcessContext(this);
        Time = new SimulatedTime(simulator, this);
        Thread = new SimulatedThread(simulator, this);
        simulator.Add(this);
    }

    public string Name { get; }

    /// <summary>Runs its tasks, in any order, one at a time.</summary>
    public TaskScheduler Scheduler => _scheduler;

    public SimulatedTime Time { get; }

    public SimulatedThread Thread { get; }

    public bool IsDead { get; private set; }

    public bool IsStalled => _isStalled && !IsDead;

    public bool CanRun => !IsDead && !_isStalled && (_work.Count > 0 || Thread.CanRun);

    /// <summary>Something the process does when it comes to it.</summary>
    public void Post(Action action)
    {
        if (!IsDead)
        {
            _simulator.CheckTurn();
            _work.Add(action);
        }
    }

    /// <summary>Runs an asynchronous method as this process.</summary>
    public Task RunAsync(Func<Task> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, Scheduler).Unwrap();

    public Task<T> RunAsync<T>(Func<Task<T>> work) =>
        Task.Factory.StartNew(work, CancellationToken.None, TaskCreationOptions.DenyChildAttach, Scheduler).Unwrap();

    public void Trace(string what) => _simulator.Trace.Add(Name, what);

    public void OnDeath(Action action) => _onDeath.Add(action);

    public void Step()
    {
        var choice = _simulator.Random.Next(_work.Count + (Thread.CanRun ? 1 : 0));
        if (choice == _work.Count)
        {
            Thread.Go();
            return;
        }

        var work = _work[choice];
        _work.RemoveAt(choice);
        if (work is Task task)
        {
            _scheduler.Execute(task);
        }
        else
        {
            Enter();
            ((Action)work)();
            SynchronizationContext.SetSynchronizationContext(null);
        }
    }

    /// <summary>What the calling thread awaits from now on goes on as a step of this process.</summary>
    public void Enter() => SynchronizationContext.SetSynchronizationContext(_context);

    public void Stall() => _isStalled = true;

    public void Resume() => _isStalled = false;

    /// <summary>Ends it where it stands. What it has sent may still arrive.</summary>
    public void Kill()
    {
        if (IsDead)
        {
            return;
        }

        IsDead = true;
        _work.Clear();
        Thread.End();
        Thread.Dispose();
        _work.Clear();
        _simulator.Remove(this);
        foreach (var action in _onDeath)
        {
            action();
        }
    }

    private sealed class ProcessScheduler(SimulatedProcess process) : TaskScheduler
    {
        public override int MaximumConcurrencyLevel => 1;

        public void Execute(Task task) => TryExecuteTask(task);

        protected override void QueueTask(Task task)
        {
            // The finalizer of a dead process's timer comes here, too.
            if (!process.IsDead)
            {
                process._simulator.CheckTurn();
                process._work.Add(task);
            }
        }

        protected override bool TryExecuteTaskInline(Task task, bool taskWasPreviouslyQueued) => false;

        protected override IEnumerable<Task> GetScheduledTasks() => process._work.OfType<Task>();
    }

    private sealed class ProcessContext(SimulatedProcess process) : SynchronizationContext
    {
        public override void Post(SendOrPostCallback callback, object? state) => process.Post(() => callback(state));
    }
}
