namespace Clickstream;

/// <summary>Clicks to send, one after another. Not thread-safe.</summary>
internal interface IClickSource
{
    /// <summary>The current click's key, its client's address; empty when unknown. Valid until the next click.</summary>
    ReadOnlySpan<byte> Key { get; }

    /// <summary>The current click as JSON. Valid until the next click.</summary>
    ReadOnlySpan<byte> Value { get; }

    /// <summary>How many lines of input were no clicks.</summary>
    long Skipped { get; }

    /// <summary>Goes on to the next click. <c>false</c> when there is none.</summary>
    ValueTask<bool> MoveNextAsync(CancellationToken cancellation);
}
