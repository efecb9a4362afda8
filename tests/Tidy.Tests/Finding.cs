namespace Tidy.Tests;

/// <summary>One place where a house rule is broken.</summary>
/// <param name="File">The path below the repository's root, with <c>/</c>.</param>
/// <param name="Line">The line, from 1.</param>
/// <param name="Problem">What is wrong there.</param>
/// <param name="Remedy">What to do about it.</param>
internal sealed record Finding(string File, int Line, string Problem, string Remedy)
{
    public override string ToString() => $"{File}:{Line}: {Problem}; {Remedy}";
}

internal static class House
{
    /// <summary>Fails with every finding, one a line.</summary>
    public static void IsTidy(IEnumerable<Finding> findings)
    {
        var all = findings.Select(finding => finding.ToString()).ToList();
        Assert.True(all.Count == 0, $"{all.Count} to mend:\n{string.Join('\n', all)}");
    }

    /// <summary>Fails unless exactly these places were found, in this order, as <c>file:line: start of the problem</c>.</summary>
    public static void Reports(IEnumerable<Finding> findings, params string[] expected)
    {
        var actual = findings.Select(finding => finding.ToString()).ToList();
        Assert.True(
            actual.Count == expected.Length && actual.Zip(expected).All(pair => pair.First.StartsWith(pair.Second, StringComparison.Ordinal)),
            $"expected:\n{string.Join('\n', expected)}\nfound:\n{string.Join('\n', actual)}");
        Assert.All(actual, text => Assert.Contains("; ", text, StringComparison.Ordinal));
    }
}
