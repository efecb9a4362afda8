namespace Streams.Hosting.Postgres;

/// <summary>The role lacks rights that a node needs. The message has the statements that an administrator would run.</summary>
internal sealed class MissingRightsException(string message) : Exception(message);
