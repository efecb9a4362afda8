namespace Streams.Hosting;

/// <summary>A setting is missing or wrong. The message names its key and says what it must be.</summary>
public class StreamsConfigurationException : Exception
{
    internal StreamsConfigurationException(string message) : base(message) { }
}
