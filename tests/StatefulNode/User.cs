namespace StatefulNode;

/// <summary>What is kept of a user.</summary>
/// <param name="Clicks">How many clicks there were.</param>
/// <param name="Trail">The paths of the last ones, in their order.</param>
internal sealed record User(int Clicks, string Trail)
{
    private const int TrailLength = 400;

    public User After(string path) => new(Clicks + 1, Cut($"{Trail} {path}"));

    private static string Cut(string trail) => trail[^Math.Min(TrailLength, trail.Length)..];
}
