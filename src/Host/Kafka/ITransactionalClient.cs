using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Kafka;

/// <summary>
/// What <see cref="KafkaTransactionalWriter"/> needs of the Kafka client. Calls that wait for a broker are tasks; all fail with
/// <see cref="KafkaFailureException"/>.
/// </summary>
internal interface ITransactionalClient
{
    /// <summary>A new producer of one of the node's transactional ids, always the same; not registered with the broker yet.</summary>
    ITransactionalProducer CreateProducer();

    /// <summary>The node's place in the group at this moment. The caller disposes it.</summary>
    IGroupMembership Membership();

    /// <summary>How far the group is, once no transaction that could change that is open.</summary>
    Task<IReadOnlyList<LogPosition>> CommittedAsync(IReadOnlyCollection<TopicPartition> partitions, TimeSpan timeout);
}

/// <summary>A place in a consumer group, as it was when it was asked for.</summary>
internal interface IGroupMembership : IDisposable
{
    /// <summary>
    /// Whether the consumer was a member at that moment. One that has just lost its place is none until it has joined again, and
    /// the broker does not check the offsets of one that says it is no member: they would be taken.
    /// </summary>
    bool IsOfMember { get; }
}

/// <summary>A producer with a transactional id; <see cref="KafkaTransactions"/> has the order of the calls.</summary>
internal interface ITransactionalProducer : IDisposable
{
    Task InitializeAsync(TimeSpan timeout);

    void Begin();

    void Send(OutputBuffer records, CancellationToken cancellation);

    /// <summary>
    /// Gives the records sent so far a moment to arrive. That they have not, or cannot, shows at the commit. May run beside
    /// <see cref="SendOffsetsAsync"/>.
    /// </summary>
    Task DeliverAsync();

    /// <summary>Waits until the records sent so far have arrived.</summary>
    /// <exception cref="KafkaFailureException">They have not in this time. Those that cannot arrive are not waited for: they show at the commit.</exception>
    Task ArriveAsync(TimeSpan timeout);

    Task SendOffsetsAsync(IReadOnlyCollection<PartitionOffset> offsets, IGroupMembership member, TimeSpan timeout);

    Task CommitAsync(TimeSpan timeout);

    Task AbortAsync(TimeSpan timeout);
}
