using Simulation.Tests.Machine;

namespace Simulation.Tests.Scenario;

/// <summary>What befalls nodes and servers, at any step.</summary>
internal sealed class Faults(World world)
{
    private readonly Simulator _simulator = world.Simulator;
    private bool _isOver;

    /// <summary>Spreads faults over a time. Each strikes between two steps, wherever the nodes are then.</summary>
    public void Plan(int count, TimeSpan duration)
    {
        for (var i = 0; i < count; i++)
        {
            var steps = _simulator.Random.Next(0, 60);
            _simulator.After(duration * _simulator.Random.NextDouble(), () => Strike(steps));
        }
    }

    /// <summary>Those who stand still go on; those who are away come back.</summary>
    public void End()
    {
        _isOver = true;
        foreach (var node in world.Nodes)
        {
            node.Process.Resume();
        }
    }

    /// <summary>A few events later, so that a fault also strikes where time stands still: between the steps of one moment.</summary>
    private void Strike(int after)
    {
        if (after > 0)
        {
            _simulator.After(TimeSpan.Zero, () => Strike(after - 1));
        }
        else if (!_isOver)
        {
            Strike();
        }
    }

    private void Strike()
    {
        var random = _simulator.Random;
        if (world.Nodes.Count == 0)
        {
            return;
        }

        var node = world.Nodes[random.Next(world.Nodes.Count)];
        switch (random.Next(9))
        {
            case 0 or 1:
                Kill(node);
                break;
            case 2 or 3:
                Stall(node);
                break;
            case 4:
                Restart(node);
                break;
            case 5:
                _simulator.Trace.Add("fault", "the group rebalances");
                world.Cluster.Group.Rebalance();
                break;
            case 6:
                Cut(node, world.Cluster.Process);
                break;
            case 7:
                Cut(node, world.Database.Process);
                break;
            case 8:
                world.Database.Restart();
                break;
        }
    }

    private void Kill(Node node)
    {
        world.Kill(node);
        if (_simulator.Chance(0.4))
        {
            KillSuccessor();
        }
    }

    /// <summary>Those who took over go as well, while they repeat what was not committed.</summary>
    private void KillSuccessor() => _simulator.After(_simulator.Some(TimeSpan.FromSeconds(12)), () =>
    {
        if (!_isOver && world.Nodes.Count > 0)
        {
            Kill(world.Nodes[_simulator.Random.Next(world.Nodes.Count)]);
        }
    });

    /// <summary>Stands still, perhaps for so long that others take over; and perhaps it is replaced meanwhile, and wakes up beside its successor.</summary>
    private void Stall(Node node)
    {
        var duration = _simulator.Chance(0.5) ? _simulator.Some(TimeSpan.FromSeconds(2)) : TimeSpan.FromSeconds(2) + _simulator.Some(TimeSpan.FromSeconds(20));
        _simulator.Trace.Add("fault", $"{node.Process.Name} stands still for {duration}");
        node.Process.Stall();
        _simulator.After(duration, () =>
        {
            _simulator.Trace.Add("fault", $"{node.Process.Name} goes on");
            node.Process.Resume();
        });
        if (_simulator.Chance(0.3) && !node.IsStopping)
        {
            _simulator.After(_simulator.Some(duration), () => Replace(node));
        }
    }

    private void Replace(Node node)
    {
        if (!_isOver && world.Nodes.Count(n => n.Name == node.Name) == 1)
        {
            world.Start(node.Name);
        }
    }

    private void Restart(Node node)
    {
        node.Stop();
        WaitForEnd(node);
    }

    private void WaitForEnd(Node node) => _simulator.After(TimeSpan.FromSeconds(0.5), () =>
    {
        if (!world.Nodes.Contains(node))
        {
            return;
        }

        if (node.Ended.IsCompleted)
        {
            world.Forget(node);
            world.StartAgain(node.Name, TimeSpan.Zero);
        }
        else
        {
            WaitForEnd(node);
        }
    });

    private void Cut(Node node, SimulatedProcess server)
    {
        var duration = _simulator.Some(TimeSpan.FromSeconds(30));
        _simulator.Trace.Add("fault", $"{node.Process.Name} is cut off from {server.Name} for {duration}");
        world.Network.Cut(node.Process, server, duration);
    }
}
