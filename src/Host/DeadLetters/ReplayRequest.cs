namespace Streams.Hosting.DeadLetters;

/// <summary>Dead letters that a running node was asked to run once more.</summary>
public sealed class ReplayRequest
{
    internal ReplayRequest(IReadOnlyList<ReplayRange> ranges)
    {
        Ranges = ranges;
        Count = ranges.Sum(r => r.Last - r.First + 1);
    }

    /// <summary>How many.</summary>
    public long Count { get; }

    internal IReadOnlyList<ReplayRange> Ranges { get; }
}

/// <summary>Consecutive request numbers of one partition.</summary>
internal readonly record struct ReplayRange(string Topic, int Partition, long First, long Last);

/// <summary>How far a request is.</summary>
/// <param name="Open">How many of its dead letters are still to be done.</param>
/// <param name="Nodes">How many nodes of the application gave a sign of life within the last 15 seconds. Without one, nothing is done.</param>
public readonly record struct ReplayProgress(long Open, int Nodes);

/// <summary>What became of a request.</summary>
/// <param name="Replayed">How many went through.</param>
/// <param name="Failed">How many failed again, by reason.</param>
public sealed record ReplayOutcome(long Replayed, DeadLetterSummary Failed);
