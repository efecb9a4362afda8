using System.Text;

namespace TestKit;

/// <summary>A record as it stands in a topic.</summary>
public sealed record TestRecord(
    string Topic, int Partition, long Offset, byte[]? Key, byte[]? Value, DateTimeOffset Timestamp, IReadOnlyList<KeyValuePair<string, byte[]?>> Headers)
{
    /// <summary>The key as text; null if there is none.</summary>
    public string? KeyText => Key is null ? null : Encoding.UTF8.GetString(Key);

    /// <summary>The value as text; null if there is none.</summary>
    public string? ValueText => Value is null ? null : Encoding.UTF8.GetString(Value);
}

/// <summary>A record to be written.</summary>
/// <param name="Key">Its key.</param>
/// <param name="Value">Its value.</param>
/// <param name="Timestamp">Its Kafka timestamp; now if null.</param>
/// <param name="Partition">Its partition; chosen by its key if null, as Java's clients do.</param>
/// <param name="Headers">Its headers.</param>
public sealed record TestMessage(
    byte[]? Key, byte[]? Value, DateTimeOffset? Timestamp = null, int? Partition = null, IReadOnlyList<KeyValuePair<string, byte[]?>>? Headers = null)
{
    /// <summary>A record of texts.</summary>
    public static TestMessage Of(string? key, string? value, DateTimeOffset? timestamp = null, int? partition = null)
        => new(key is null ? null : Encoding.UTF8.GetBytes(key), value is null ? null : Encoding.UTF8.GetBytes(value), timestamp, partition);
}
