using System.Globalization;
using System.Text;
using Simulation.Tests.Log;
using Simulation.Tests.Machine;
using Streams.Processors.Testing;

namespace Simulation.Tests.Scenario;

/// <summary>Writes visits over time: out of order, some too late for their window, some undecodable, some refused by the store, with gaps between offsets.</summary>
internal sealed class RandomInput(Simulator simulator, FakeTopics topics, TimeSpan duration)
{
    private static readonly string[] _paths = ["/", "/cart", "/pay"];
    private static readonly int[] _statuses = [200, 404, 500, 503];
    private int _left;

    public bool IsDone => _left == 0;

    public void Write(int records)
    {
        _left = records;
        for (var i = 0; i < records; i++)
        {
            simulator.After(duration * simulator.Random.NextDouble(), () =>
            {
                WriteOne();
                _left--;
            });
        }
    }

    private void WriteOne()
    {
        var random = simulator.Random;
        var partitions = topics.PartitionsOf(SimulatedTopology.Visits).ToList();
        var partition = partitions[random.Next(partitions.Count)];

        // Event time runs faster than time, so that windows close.
        var time = SimulatedTime.Start.UtcDateTime.AddDays(-1) + (simulator.Now * 20) - TimeSpan.FromSeconds(random.Next(random.Next(10) == 0 ? 200 : 40));
        var value = random.Next(15) == 0
            ? "undecodable"
            : new Visit(random.Next(12) == 0 ? Visit.RefusedPath : _paths[random.Next(_paths.Length)], _statuses[random.Next(_statuses.Length)], time).ToString();
        var key = string.Create(CultureInfo.InvariantCulture, $"user{random.Next(8)}");
        var timestamp = (SimulatedTime.Start + simulator.Now).ToUnixTimeMilliseconds();
        topics.Append(
            partition,
            new LogRecord(0, Encoding.UTF8.GetBytes(key), Encoding.UTF8.GetBytes(value), timestamp, []),
            gap: random.Next(12) == 0 ? random.Next(1, 4) : 0);
    }
}
