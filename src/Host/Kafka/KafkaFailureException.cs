namespace Streams.Hosting.Kafka;

/// <summary>A call to Kafka failed; <see cref="Failure"/> says what that asks for.</summary>
/// <param name="doing">What was tried, as the message's beginning: "Committing the Kafka transaction".</param>
/// <param name="failure">What went wrong.</param>
/// <param name="inner">The client's own exception, if there was one.</param>
internal sealed class KafkaFailureException(string doing, KafkaFailure failure, Exception? inner = null)
    : Exception($"{doing} failed: {failure}{(Advice(failure) is { } advice ? " " + advice : "")}", inner)
{
    public KafkaFailure Failure { get; } = failure;

    private static string? Advice(KafkaFailure failure) => failure.Kind switch
    {
        KafkaFailureKind.Unauthorized => "Grant this client's Kafka user the right (ACL) to it.",
        KafkaFailureKind.Unauthenticated => "Check Kafka:Common (security.protocol, sasl.*, ssl.*).",
        KafkaFailureKind.RecordTooLarge => "Raise the topic's max.message.bytes, and Kafka:Producer:message.max.bytes if the record exceeds that.",
        KafkaFailureKind.OffsetOutOfRange =>
            "The log no longer (or not yet) has that offset: it was deleted by retention, or the topic was made anew.",
        _ => null,
    };
}
