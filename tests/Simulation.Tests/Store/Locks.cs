using Simulation.Tests.Machine;

namespace Simulation.Tests.Store;

/// <summary>Row locks, handed on in the order in which they were asked for. A wait has an end, and a deadlock is a fault of the program.</summary>
internal sealed class Locks(Simulator simulator, TimeSpan timeout, Action<string> onDeadlock)
{
    private readonly Dictionary<string, RowLock> _locks = new(StringComparer.Ordinal);
    private readonly Dictionary<Session, string> _waiting = [];

    /// <exception cref="TimeoutException">It was not free in time.</exception>
    public async Task TakeAsync(Session session, string row)
    {
        session.ThrowIfEnded();
        if (!_locks.TryGetValue(row, out var held))
        {
            _locks.Add(row, new RowLock(session));
            session.Held.Add(row);
            return;
        }

        if (held.Holder == session)
        {
            return;
        }

        _waiting[session] = row;
        LookForDeadlock(session);
        var turn = new TaskCompletionSource();
        held.Waiting.Enqueue((session, turn));
        simulator.After(timeout, () =>
        {
            if (turn.TrySetException(new TimeoutException($"lock not available: {row}")))
            {
                _waiting.Remove(session);
            }
        });
        await turn.Task;
        session.ThrowIfEnded();
    }

    public void ReleaseAll(Session session)
    {
        foreach (var row in session.Held)
        {
            HandOn(row);
        }

        session.Held.Clear();
    }

    private void HandOn(string row)
    {
        var held = _locks[row];
        while (held.Waiting.TryDequeue(out var next))
        {
            if (!next.Session.IsEnded && next.Turn.TrySetResult())
            {
                _waiting.Remove(next.Session);
                held.Holder = next.Session;
                next.Session.Held.Add(row);
                return;
            }
        }

        _locks.Remove(row);
    }

    private void LookForDeadlock(Session start)
    {
        var session = start;
        while (_waiting.TryGetValue(session, out var row))
        {
            session = _locks[row].Holder;
            if (session == start)
            {
                onDeadlock($"deadlock at {row}");
                return;
            }
        }
    }

    private sealed class RowLock(Session holder)
    {
        public Session Holder { get; set; } = holder;

        public Queue<(Session Session, TaskCompletionSource Turn)> Waiting { get; } = new();
    }
}
