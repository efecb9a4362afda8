namespace Streams.Bench;

/// <summary>A benchmark cannot run, or its outputs are wrong. The message says which, and what differs.</summary>
internal sealed class BenchException(string message, Exception? inner = null) : Exception(message, inner);
