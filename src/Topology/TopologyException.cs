namespace Streams;

/// <summary>A topology that cannot run as it was declared.</summary>
public sealed class TopologyException : Exception
{
    internal TopologyException(IReadOnlyList<string> problems)
        : base("The topology cannot be built:" + string.Concat(problems.Select(p => "\n  - " + p))) => Problems = problems;

    /// <summary>What is wrong, one entry each, in the order of declaration.</summary>
    public IReadOnlyList<string> Problems { get; }
}
