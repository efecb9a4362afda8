namespace Streams.Hosting.Embedded;

/// <summary>An embedded server cannot be started. The message says why, and what the user can do about it.</summary>
public sealed class EmbeddedServerException : Exception
{
    /// <summary>Makes the exception.</summary>
    /// <param name="message">What happened, where, and what to do.</param>
    /// <param name="inner">What caused it, if anything did.</param>
    public EmbeddedServerException(string message, Exception? inner = null) : base(message, inner)
    {
    }
}
