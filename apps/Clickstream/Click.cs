namespace Clickstream;

/// <summary>One request to a web server, as far as the topology looks at it.</summary>
/// <param name="Path">The requested path, without query.</param>
/// <param name="Status">The HTTP status of the response.</param>
/// <param name="UserId">Who asked; <c>null</c> when unknown.</param>
/// <param name="Time">Event time, UTC; <c>null</c> when the click does not say, and then the Kafka record's timestamp stands.</param>
public readonly record struct Click(string Path, int Status, long? UserId, DateTime? Time);
