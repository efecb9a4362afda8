namespace Streams.Processors.Testing;

/// <summary>One record of an in-memory log.</summary>
/// <param name="Offset">Its offset.</param>
/// <param name="Key">Its key; <c>null</c> for a Kafka null.</param>
/// <param name="Value">Its value; <c>null</c> for a Kafka null.</param>
/// <param name="TimestampMs">Kafka's timestamp in milliseconds since 1970, if it has one.</param>
/// <param name="Headers">Its headers in order.</param>
internal sealed record LogRecord(long Offset, byte[]? Key, byte[]? Value, long? TimestampMs, IReadOnlyList<KeyValuePair<string, byte[]?>> Headers);
