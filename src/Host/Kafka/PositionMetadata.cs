using System.Globalization;
using Streams.Hosting.Runtime;

namespace Streams.Hosting.Kafka;

/// <summary>
/// The text beside a committed offset of the group, <c>era=1 replay=7</c>: what the offset alone does not say. Kafka keeps up
/// to 4,096 bytes of it (<c>offset.metadata.max.bytes</c>) and gives it to nobody but those who ask for the offset.
/// </summary>
internal static class PositionMetadata
{
    public static PartitionOffset ToOffset(LogPosition position) => new(
        position.Partition,
        position.NextOffset,
        string.Create(CultureInfo.InvariantCulture, $"era={position.Era} replay={position.LastReplay}"));

    /// <summary>What is missing, or not ours, counts as 0: offsets that were committed without a transaction have no text.</summary>
    public static LogPosition ToPosition(PartitionOffset offset) => new(
        offset.Partition, offset.Offset, Value(offset.Metadata, "era="), Value(offset.Metadata, "replay="));

    private static long Value(string? metadata, string name)
    {
        foreach (var part in (metadata ?? "").Split(' '))
        {
            if (part.StartsWith(name, StringComparison.Ordinal)
                && long.TryParse(part.AsSpan(name.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var value))
            {
                return value;
            }
        }

        return 0;
    }
}
