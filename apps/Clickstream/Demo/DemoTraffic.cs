using System.Text.Json;

namespace Clickstream;

/// <summary>Sends clicks until told to stop, and counts the errors among them without the pipeline's help.</summary>
/// <param name="source">The clicks; without end.</param>
/// <param name="sender">Where they go.</param>
/// <param name="pace">How fast.</param>
internal sealed class DemoTraffic(IClickSource source, ClickSender sender, Pace pace)
{
    private long _errors;

    /// <summary>How many clicks with a status of 400 or more were sent.</summary>
    public long Errors => Interlocked.Read(ref _errors);

    /// <summary>How many clicks brokers have confirmed.</summary>
    public long Sent => sender.Sent;

    /// <summary>How many clicks could not be delivered.</summary>
    public long Failed => sender.Failed;

    /// <summary>Why the first of them could not; <c>null</c> when all went well.</summary>
    public string? FirstFailure => sender.FirstFailure;

    /// <summary>Sends until <paramref name="stopping"/>, then waits until the last click is delivered.</summary>
    /// <param name="stopping">Ends the traffic.</param>
    /// <param name="patience">How long delivering the last clicks may take; what is open then has failed.</param>
    /// <exception cref="DemoException">The source has come to its end.</exception>
    public async Task RunAsync(TimeSpan patience, CancellationToken stopping)
    {
        try
        {
            while (!stopping.IsCancellationRequested)
            {
                if (!await source.MoveNextAsync(stopping))
                {
                    throw new DemoException("The file has no line that is a click: it must be an access log in common or combined format.");
                }

                await pace.WaitAsync(stopping);
                var isError = IsError(source.Value);
                await sender.SendAsync(source.Key.IsEmpty ? null : source.Key.ToArray(), source.Value.ToArray(), stopping);
                if (isError)
                {
                    Interlocked.Increment(ref _errors);
                }
            }
        }
        catch (OperationCanceledException) when (stopping.IsCancellationRequested)
        {
            // The click at hand was not sent, and not counted.
        }

        await sender.CloseAsync(patience);
    }

    /// <summary>Whether a click's status is an error: read in the plainest way, so that the pipeline's own decoder is not its own judge.</summary>
    public static bool IsError(ReadOnlySpan<byte> click)
    {
        try
        {
            var json = new Utf8JsonReader(click);
            while (json.Read())
            {
                if (json.TokenType == JsonTokenType.PropertyName && json.CurrentDepth == 1 && json.ValueTextEquals("status"u8))
                {
                    return json.Read() && json.TokenType == JsonTokenType.Number && json.TryGetInt32(out var status) && status >= ClickstreamTopology.FirstErrorStatus;
                }
            }
        }
        catch (JsonException)
        {
            // Not a click.
        }

        return false;
    }
}
