using System.Globalization;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Telemetry;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>A partition that the group gives to this node, and that nobody works on.</summary>
/// <param name="Partition">The partition.</param>
/// <param name="Era">Its era when work on it ended.</param>
/// <param name="Since">When that was, as <see cref="TimeProvider.GetTimestamp"/> has it.</param>
/// <param name="MissingOffset">The next offset, which is not in the log; <c>null</c> where another node has fenced this one off.</param>
internal sealed record IdlePartition(TopicPartition Partition, long Era, long Since, long? MissingOffset);

/// <summary>
/// Looks after partitions that this node has and does not work on. Nothing is skipped silently: such a partition stands
/// still, the others go on, and it is taken up again once a person has moved its offset, which raises its era. One that another
/// node has fenced this one off is taken back once, if the group has not moved it by then.
/// </summary>
internal sealed class IdlePartitions(
    Partitions partitions,
    IStateStore store,
    IRecordLog log,
    Action<TopicPartition> takeAgain,
    NodeHealth health,
    TimeProvider time,
    ILogger<IdlePartitions> logger)
{
    private static readonly TimeSpan _takeBackAfter = TimeSpan.FromSeconds(15);
    private readonly Dictionary<TopicPartition, string> _said = [];

    /// <summary>Called about once a second; costs nothing while there are none.</summary>
    public async Task LookAsync(CancellationToken cancellation)
    {
        var idle = partitions.Idle;
        foreach (var gone in _said.Keys.Except(idle.Select(i => i.Partition)).ToList())
        {
            _said.Remove(gone);
        }

        if (idle.Count > 0)
        {
            await LookAsync(idle, cancellation);
        }

        if (_said.Count == 0)
        {
            health.Up(Dependency.Partitions);
        }
        else
        {
            health.Down(Dependency.Partitions, string.Join(' ', _said.OrderBy(s => s.Key).Select(s => s.Value)));
        }
    }

    private async Task LookAsync(IReadOnlyList<IdlePartition> idle, CancellationToken cancellation)
    {
        var eras = await store.ErasAsync([.. idle.Select(i => i.Partition)], cancellation);
        foreach (var (partition, era, since, missing) in idle)
        {
            if (eras.GetValueOrDefault(partition, era) != era)
            {
                takeAgain(partition);
            }
            else if (missing is not { } offset)
            {
                if (time.GetElapsedTime(since) >= _takeBackAfter && partitions.MayTakeBack(partition))
                {
                    takeAgain(partition);
                }
            }
            else if (!_said.ContainsKey(partition))
            {
                var (first, end) = await log.RangeAsync(partition, cancellation);
                _said[partition] = Describe(partition, offset, first, end);
                logger.PartitionStranded(_said[partition]);
            }
        }
    }

    /// <summary>What happened, where, and what to do.</summary>
    internal static string Describe(TopicPartition partition, long offset, long first, long end) => string.Create(
        CultureInfo.InvariantCulture,
        $"{partition} stands still: it is to go on at offset {offset}, and the topic has {Held(first, end)}. {Lost(offset, first, end)} Nothing is skipped silently, and the other partitions go on; the command \"offsets reset {partition} --to earliest\" (or latest, or an offset) says where this one shall.");

    private static string Held(long first, long end) =>
        first == end ? string.Create(CultureInfo.InvariantCulture, $"no record left; its next one will be {end}") : string.Create(CultureInfo.InvariantCulture, $"{first} to {end - 1}");

    private static string Lost(long offset, long first, long end) => offset < first
        ? string.Create(CultureInfo.InvariantCulture, $"The {first - offset} offsets from {offset} to {first - 1} are lost: retention or somebody deleted them before they were read.")
        : offset > end
            ? "The topic ends before that: it was deleted and created again, or its broker lost what it had."
            : "It is there by now.";
}
