using System.Globalization;

namespace Streams.Hosting.Topologies;

/// <summary>How the topology that is declared differs from the one that was applied last.</summary>
public sealed class TopologyDifference
{
    internal TopologyDifference(DateTimeOffset? appliedAt, IReadOnlyList<TopologyChange> changes)
    {
        AppliedAt = appliedAt;
        Changes = changes;
    }

    /// <summary>When the present record was made: the last start that changed it. <c>null</c> when no node has started yet.</summary>
    public DateTimeOffset? AppliedAt { get; }

    /// <summary>What differs: tables in order of declaration, then tables that are left out, then topics.</summary>
    public IReadOnlyList<TopologyChange> Changes { get; }

    /// <summary>Whether a node can start with it.</summary>
    public bool IsCompatible => Changes.All(c => c.IsCompatible);

    /// <summary>The difference in words; where a node would refuse to start, also the ways on.</summary>
    public string Describe()
    {
        if (AppliedAt is not { } applied)
        {
            return "No topology has been applied yet; the first node that starts applies the one that is declared.";
        }

        var since = applied.ToUniversalTime().ToString("yyyy-MM-dd HH:mm:ss'Z'", CultureInfo.InvariantCulture);
        if (Changes.Count == 0)
        {
            return $"The topology is as it was applied on {since}.";
        }

        var refused = Changes.Where(c => !c.IsCompatible).ToList();
        var taken = Changes.Where(c => c.IsCompatible).ToList();
        var lines = new List<string>();
        if (refused.Count > 0)
        {
            lines.Add($"The topology that was applied on {since} and the one that is declared now cannot share their tables; nothing was changed.");
            lines.AddRange(Grouped(refused));
        }

        if (taken.Count > 0)
        {
            lines.Add(refused.Count > 0 ? "These changes alone would be applied:" : $"Since the topology was applied on {since}:");
            lines.AddRange(taken.Select(c => $"  {c}"));
        }

        if (refused.Count > 0)
        {
            lines.AddRange(
            [
                "Ways on:",
                "  - Take the change back: declare what was applied.",
                "  - Give the table a new name. The new one gets what is read from now on, the old one stays as it is.",
                "  - Choose a new Streams:ApplicationId. It reads its topics from the beginning, into a schema of its own.",
                "  - Accept it, knowing what then stands in the table, with the command topology accept (AppliedTopology.AcceptAsync).",
            ]);
        }

        return string.Join('\n', lines);
    }

    private static IEnumerable<string> Grouped(IEnumerable<TopologyChange> changes) =>
        changes.GroupBy(c => c.Subject).SelectMany(subject => subject.Select(c => $"    {c.Text}").Prepend($"  {subject.Key}:"));
}

/// <summary>The declared topology cannot go on with what the applied one has stored. The message has the difference and the ways on.</summary>
public sealed class TopologyChangedException : Exception
{
    internal TopologyChangedException(TopologyDifference difference) : base(difference.Describe()) => Difference = difference;

    /// <summary>What differs.</summary>
    public TopologyDifference Difference { get; }
}
