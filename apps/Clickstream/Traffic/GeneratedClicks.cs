namespace Clickstream;

/// <summary>A number of clicks from a generator.</summary>
/// <param name="generator">What makes them.</param>
/// <param name="count">How many.</param>
internal sealed class GeneratedClicks(ClickGenerator generator, long count) : IClickSource
{
    public ReadOnlySpan<byte> Key => generator.Key;

    public ReadOnlySpan<byte> Value => generator.Value;

    public long Skipped => 0;

    public ValueTask<bool> MoveNextAsync(CancellationToken cancellation)
    {
        var more = generator.Count < count;
        if (more)
        {
            generator.Next();
        }

        return ValueTask.FromResult(more);
    }
}
