namespace Streams.Hosting.Kafka;

/// <summary>Who joins which consumer group.</summary>
/// <param name="GroupId">The group: the application's id.</param>
/// <param name="ClientId">How brokers name this client in their logs and quotas.</param>
/// <param name="InstanceId">
/// For static membership: a name that outlives the process. A restart within the session timeout then moves no partitions.
/// </param>
internal sealed record GroupMember(string GroupId, string ClientId, string? InstanceId = null)
{
    /// <summary>For how long a broker may hold an answer back to fill it; <c>null</c> for the library's default.</summary>
    public TimeSpan? FetchWait { get; init; }
}
