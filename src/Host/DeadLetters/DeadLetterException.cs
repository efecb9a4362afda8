namespace Streams.Hosting.DeadLetters;

/// <summary>The table of dead letters could not be read or changed. The message says why and what to do.</summary>
public sealed class DeadLetterException : Exception
{
    internal DeadLetterException(string message, Exception? inner = null) : base(message, inner) { }
}
