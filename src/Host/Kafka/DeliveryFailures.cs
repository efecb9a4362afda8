using System.Text;
using Confluent.Kafka;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>Records that were sent and did not arrive, added up since the last flush. Any thread may call it.</summary>
internal sealed class DeliveryFailures
{
    private const int PlacesShown = 5;
    private readonly Lock _gate = new();
    private Dictionary<(TopicPartition Partition, ErrorCode Code), long> _counts = [];

    public void Add(TopicPartition partition, ErrorCode code)
    {
        lock (_gate)
        {
            _counts.TryGetValue((partition, code), out var count);
            _counts[(partition, code)] = count + 1;
        }
    }

    public void Clear() => TakeCounts();

    /// <summary>Takes them off as one failure; <c>null</c> when there is none.</summary>
    public KafkaFailure? Take()
    {
        var counts = TakeCounts();
        if (counts.Count == 0)
        {
            return null;
        }

        // What asks for the most leads: a record that can never be delivered outweighs one that a retry would bring through.
        var ordered = counts
            .OrderBy(c => KafkaFailure.Classify(c.Key.Code) == KafkaFailureKind.Transient)
            .ThenByDescending(c => c.Value)
            .ThenBy(c => c.Key.Partition)
            .ToList();
        var reason = new StringBuilder($"{counts.Values.Sum()} records were not delivered: ");
        reason.AppendJoin("; ", ordered.Take(PlacesShown).Select(c =>
            $"{c.Value} to {c.Key.Partition} ({KafkaFailure.Of(c.Key.Code).Reason})"));
        if (ordered.Count > PlacesShown)
        {
            reason.Append($"; and {ordered.Count - PlacesShown} more kinds");
        }

        var first = ordered[0].Key;
        return KafkaFailure.Of(first.Code, reason.ToString(), first.Partition);
    }

    private Dictionary<(TopicPartition Partition, ErrorCode Code), long> TakeCounts()
    {
        lock (_gate)
        {
            var counts = _counts;
            if (counts.Count > 0)
            {
                _counts = [];
            }

            return counts;
        }
    }
}
