using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>What a failure asks for.</summary>
internal enum KafkaFailureKind
{
    /// <summary>The client or a retry mends it: brokers away, leader elections, timeouts.</summary>
    Transient,

    /// <summary>The offset to read from is not in the log: deleted by retention, or beyond its end.</summary>
    OffsetOutOfRange,

    /// <summary>The topic or partition is not there.</summary>
    UnknownTopic,

    /// <summary>The rights of this client's user do not allow it.</summary>
    Unauthorized,

    /// <summary>The broker does not accept this client's credentials or certificate.</summary>
    Unauthenticated,

    /// <summary>Nothing was polled for <c>max.poll.interval.ms</c>; the group has taken the partitions away.</summary>
    MaxPollExceeded,

    /// <summary>Another client took over: a producer of the same transactional id, or a group member of the same instance id.</summary>
    Fenced,

    /// <summary>The record is larger than the broker or topic allows.</summary>
    RecordTooLarge,

    /// <summary>Anything else: not known to be mended by waiting.</summary>
    Other,
}

/// <summary>One error of the Kafka client: what, where, and what it asks for.</summary>
/// <param name="Code">librdkafka's or Kafka's error code.</param>
/// <param name="Kind">What the failure asks for.</param>
/// <param name="Reason">What the client or broker said.</param>
/// <param name="Partition">Where, when it concerns one partition (or a topic: then the partition is -1).</param>
/// <param name="Offset">The offset in question, when there is one.</param>
/// <param name="Retriable">Whether the same call may succeed later.</param>
/// <param name="RequiresAbort">Whether the current transaction can only be aborted; afterwards the producer can go on.</param>
/// <param name="Fatal">Whether this client instance is of no more use and must be replaced.</param>
internal sealed record KafkaFailure(
    ErrorCode Code,
    KafkaFailureKind Kind,
    string Reason,
    TopicPartition? Partition = null,
    long? Offset = null,
    bool Retriable = false,
    bool RequiresAbort = false,
    bool Fatal = false)
{
    /// <summary>Whether another client has taken over what this one did; it must let go.</summary>
    public bool Fenced => Kind == KafkaFailureKind.Fenced;

    public static KafkaFailure Of(
        ErrorCode code, string? reason = null, TopicPartition? partition = null, long? offset = null, bool fatal = false)
    {
        var kind = Classify(code);
        return new(
            code,
            kind,
            string.IsNullOrEmpty(reason) ? NativeText.Describe(code) : reason,
            partition,
            offset,
            Retriable: kind == KafkaFailureKind.Transient && !fatal,
            Fatal: fatal || code == ErrorCode.Local_Fatal);
    }

    /// <summary>Reads and destroys an <c>rd_kafka_error_t</c>.</summary>
    public static KafkaFailure Take(nint error)
    {
        var code = NativeMethods.rd_kafka_error_code(error);
        var failure = new KafkaFailure(
            code,
            Classify(code),
            NativeText.Read(NativeMethods.rd_kafka_error_string(error)),
            Retriable: NativeMethods.rd_kafka_error_is_retriable(error) != 0,
            RequiresAbort: NativeMethods.rd_kafka_error_txn_requires_abort(error) != 0,
            Fatal: NativeMethods.rd_kafka_error_is_fatal(error) != 0);
        NativeMethods.rd_kafka_error_destroy(error);
        return failure;
    }

    /// <summary>Which kind an error code is.</summary>
    public static KafkaFailureKind Classify(ErrorCode code) => code switch
    {
        ErrorCode.Local_AutoOffsetReset or ErrorCode.OffsetOutOfRange or ErrorCode.Local_NoOffset => KafkaFailureKind.OffsetOutOfRange,
        ErrorCode.Local_UnknownTopic or ErrorCode.Local_UnknownPartition or ErrorCode.UnknownTopicOrPart => KafkaFailureKind.UnknownTopic,
        ErrorCode.TopicAuthorizationFailed or ErrorCode.GroupAuthorizationFailed or ErrorCode.ClusterAuthorizationFailed
            or ErrorCode.TransactionalIdAuthorizationFailed => KafkaFailureKind.Unauthorized,
        ErrorCode.Local_Authentication or ErrorCode.SaslAuthenticationFailed or ErrorCode.Local_Ssl
            or ErrorCode.UnsupportedSaslMechanism or ErrorCode.IllegalSaslState => KafkaFailureKind.Unauthenticated,
        ErrorCode.Local_MaxPollExceeded => KafkaFailureKind.MaxPollExceeded,
        ErrorCode.Local_Fenced or ErrorCode.InvalidProducerEpoch or ErrorCode.ProducerFenced or ErrorCode.FencedInstanceId
            => KafkaFailureKind.Fenced,
        ErrorCode.MsgSizeTooLarge or ErrorCode.RecordListTooLarge => KafkaFailureKind.RecordTooLarge,
        ErrorCode.Local_Transport or ErrorCode.Local_AllBrokersDown or ErrorCode.Local_Resolve or ErrorCode.Local_TimedOut
            or ErrorCode.Local_TimedOutQueue or ErrorCode.Local_MsgTimedOut or ErrorCode.Local_QueueFull or ErrorCode.Local_WaitCoord
            or ErrorCode.Local_InProgress or ErrorCode.Local_PrevInProgress or ErrorCode.Local_Retry or ErrorCode.LeaderNotAvailable
            or ErrorCode.NotLeaderForPartition or ErrorCode.RequestTimedOut or ErrorCode.BrokerNotAvailable
            or ErrorCode.ReplicaNotAvailable or ErrorCode.NetworkException or ErrorCode.GroupLoadInProgress
            or ErrorCode.GroupCoordinatorNotAvailable or ErrorCode.NotCoordinatorForGroup or ErrorCode.NotEnoughReplicas
            or ErrorCode.NotEnoughReplicasAfterAppend or ErrorCode.NotController or ErrorCode.RebalanceInProgress
            or ErrorCode.IllegalGeneration or ErrorCode.UnknownMemberId or ErrorCode.UnstableOffsetCommit
            or ErrorCode.ConcurrentTransactions or ErrorCode.OffsetNotAvailable or ErrorCode.FencedLeaderEpoch
            or ErrorCode.UnknownLeaderEpoch or ErrorCode.ListenerNotFound or ErrorCode.KafkaStorageError => KafkaFailureKind.Transient,
        _ => KafkaFailureKind.Other,
    };

    /// <summary>For logs and messages: where, the code's name and number, and what was said.</summary>
    public override string ToString()
    {
        var place = Partition is { } at ? $"{(at.Partition < 0 ? at.Topic : at.ToString())}{(Offset is { } o and >= 0 ? $"@{o}" : "")}: " : "";
        return $"{place}{Reason} ({NativeText.Name(Code)}, {(int)Code}{(Fatal ? ", fatal" : "")})";
    }
}
