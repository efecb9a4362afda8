namespace Clickstream;

/// <summary>
/// One line of an access log, cut into fields. The spans point into the line and keep its escapes; an absent field (<c>-</c>
/// in the log) is empty.
/// </summary>
internal readonly ref struct AccessLogLine
{
    /// <summary>The client's address or host name.</summary>
    public required ReadOnlySpan<byte> ClientAddress { get; init; }

    /// <summary>When the request came in, UTC.</summary>
    public required DateTime Time { get; init; }

    /// <summary>The request's method.</summary>
    public required ReadOnlySpan<byte> Method { get; init; }

    /// <summary>The request target up to its first question mark.</summary>
    public required ReadOnlySpan<byte> Path { get; init; }

    /// <summary>The request target behind its first question mark.</summary>
    public required ReadOnlySpan<byte> Query { get; init; }

    /// <summary>The protocol and its version, such as <c>HTTP/1.1</c>; absent in HTTP/0.9.</summary>
    public required ReadOnlySpan<byte> Protocol { get; init; }

    /// <summary>The response's status.</summary>
    public required int Status { get; init; }

    /// <summary>The size of the response's body in bytes; <c>null</c> when the log does not say.</summary>
    public required long? Bytes { get; init; }

    /// <summary>The page that the client came from. Combined format only.</summary>
    public required ReadOnlySpan<byte> Referrer { get; init; }

    /// <summary>What the client calls itself. Combined format only.</summary>
    public required ReadOnlySpan<byte> Agent { get; init; }
}
