namespace Streams.Processors.Testing;

/// <summary>A record that a topology sent to a topic.</summary>
/// <param name="Key">Its key; <c>default</c> for a Kafka null.</param>
/// <param name="Value">Its value; <c>default</c> for a Kafka null.</param>
/// <param name="Timestamp">Its Kafka timestamp, UTC. A changelog's records carry the wall time of their commit.</param>
/// <param name="Headers">Its headers in order.</param>
public sealed record OutputRecord<TKey, TValue>(TKey? Key, TValue? Value, DateTime Timestamp, IReadOnlyList<KeyValuePair<string, byte[]?>> Headers);
