namespace Simulation.Tests.Machine;

/// <summary>The simulator's clock, and timers that go off as steps of a process: late if it is stalled, never if it is dead.</summary>
internal sealed class SimulatedTime(Simulator simulator, SimulatedProcess process) : TimeProvider
{
    /// <summary>When the world began.</summary>
    public static readonly DateTimeOffset Start = new(2026, 1, 1, 0, 0, 0, TimeSpan.Zero);

    public override long TimestampFrequency => TimeSpan.TicksPerSecond;

    public override long GetTimestamp() => simulator.Now.Ticks;

    public override DateTimeOffset GetUtcNow() => Start + simulator.Now;

    public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period)
    {
        var timer = new SimulatedTimer(simulator, process, callback, state);
        timer.Change(dueTime, period);
        return timer;
    }

    private sealed class SimulatedTimer(Simulator simulator, SimulatedProcess process, TimerCallback callback, object? state) : ITimer
    {
        private int _version;

        public bool Change(TimeSpan dueTime, TimeSpan period)
        {
            _version++;
            Arm(dueTime, period);
            return true;
        }

        public void Dispose() => _version++;

        public ValueTask DisposeAsync()
        {
            Dispose();
            return ValueTask.CompletedTask;
        }

        private void Arm(TimeSpan due, TimeSpan period)
        {
            if (due == Timeout.InfiniteTimeSpan)
            {
                return;
            }

            var version = _version;
            simulator.After(due, () => process.Post(() =>
            {
                if (version == _version)
                {
                    if (period > TimeSpan.Zero)
                    {
                        Arm(period, period);
                    }

                    callback(state);
                }
            }));
        }
    }
}
