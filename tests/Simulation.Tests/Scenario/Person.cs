using Simulation.Tests.Machine;
using Streams.Processors;

namespace Simulation.Tests.Scenario;

/// <summary>Somebody who looks through the dead letters now and then, mends what some of them failed for, and asks for replays.</summary>
internal sealed class Person(World world)
{
    private readonly Simulator _simulator = world.Simulator;
    private readonly SimulatedProcess _process = new(world.Simulator, "person");
    private readonly HashSet<(TopicPartition Partition, long Offset)> _known = [];

    /// <summary>Spreads looks over a time.</summary>
    public void Plan(int count, TimeSpan duration)
    {
        for (var i = 0; i < count; i++)
        {
            _simulator.After(duration * _simulator.Random.NextDouble(), () => _process.Post(() => _ = LookAsync()));
        }
    }

    /// <summary>Asks for replays of some letters of a partition that has any.</summary>
    private async Task LookAsync()
    {
        var partitions = world.Cluster.Topics.PartitionsOf(SimulatedTopology.Visits).Where(p => world.Database.Letters.Waiting(p).Count > 0).ToList();
        if (partitions.Count == 0)
        {
            return;
        }

        var partition = partitions[_simulator.Random.Next(partitions.Count)];
        List<long> offsets = [.. world.Database.Letters.Waiting(partition).Where(_ => _simulator.Chance(0.7))];
        offsets.ForEach(offset => Mend(partition, offset));
        var session = world.Database.Open(_process.Name);
        try
        {
            var requested = await world.Network.CallAsync(
                _process, world.Database.Process, $"replay {partition}@{string.Join(",", offsets)}", () => world.Database.RequestAsync(session, partition, offsets));
            _process.Trace($"asked for {requested} replays");
        }
        catch (Exception e) when (e is IOException or TimeoutException)
        {
            // Whether it was heard, the letters show: those that were not asked for still wait.
            _process.Trace($"asked in vain, or not: {e.Message}");
            world.Database.Rollback(session);
        }
    }

    /// <summary>Decides once for each letter whether its row is refused again: what a replay does must not change while it is on its way.</summary>
    private void Mend(TopicPartition partition, long offset)
    {
        if (_known.Add((partition, offset)) && _simulator.Chance(0.7))
        {
            world.Database.Mended.Add((partition, offset));
        }
    }
}
