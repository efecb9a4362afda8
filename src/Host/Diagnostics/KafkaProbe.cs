using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;

namespace Streams.Hosting.Diagnostics;

/// <summary>
/// Tries single things at Kafka, with a deadline for each. librdkafka itself would retry forever and only mention why, so
/// what it mentions is kept, and the most telling of it becomes the error.
/// </summary>
internal sealed class KafkaProbe(KafkaSettings settings, string application) : IDisposable
{
    /// <summary>How brokers name these clients in their logs.</summary>
    public const string ClientId = "streams-check";

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan Step = TimeSpan.FromSeconds(1);

    private readonly Lock _lock = new();
    private readonly List<Error> _mentioned = [];
    private IAdminClient? _admin;

    /// <summary>Asks for the brokers.</summary>
    /// <returns>How many there are.</returns>
    public Task<int> ReachAsync(CancellationToken cancellation) => Run(() =>
    {
        _admin = new AdminClientBuilder(settings.Admin(ClientId)).SetErrorHandler((_, error) => Mention(error)).SetLogHandler((_, line) => Mention(line)).Build();
        var deadline = Environment.TickCount64 + Patience.TotalMilliseconds;
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                return _admin.GetMetadata(Step).Brokers.Count;
            }
            catch (KafkaException e) when (Environment.TickCount64 < deadline && !IsHopeless())
            {
                Mention(e.Error);
            }
            catch (KafkaException e)
            {
                throw Failure($"Reaching Kafka at {settings.Servers}", e.Error);
            }
        }
    }, cancellation);

    /// <summary>Reads the end of a topic's first partition, outside of any group.</summary>
    public Task ReadAsync(string topic, CancellationToken cancellation) => Run(() =>
    {
        using var consumer = Consumer();
        consumer.Assign(new TopicPartitionOffset(topic, 0, Offset.End));
        var deadline = Environment.TickCount64 + Patience.TotalMilliseconds;
        while (Environment.TickCount64 < deadline)
        {
            cancellation.ThrowIfCancellationRequested();
            try
            {
                if (consumer.Consume(Step) is not null)
                {
                    return true;
                }
            }
            catch (ConsumeException e) when (e.Error.Code == ErrorCode.GroupAuthorizationFailed)
            {
                // No matter for reading; the group has a check of its own, which would only run out of time.
                Mention(e.Error);
            }
            catch (ConsumeException e)
            {
                throw new KafkaFailureException($"Reading topic {topic}", KafkaFailure.Of(e.Error.Code, e.Error.Reason), e);
            }
        }

        throw Failure($"Reading topic {topic}", new Error(ErrorCode.Local_TimedOut));
    }, cancellation);

    /// <summary>Asks for the group's offsets, without joining it.</summary>
    public Task SeeGroupAsync(IEnumerable<string> topics, CancellationToken cancellation) => Run(() =>
    {
        using var consumer = Consumer();
        try
        {
            return consumer.Committed([.. topics.Select(topic => new Confluent.Kafka.TopicPartition(topic, 0))], Patience).Count;
        }
        catch (KafkaException e)
        {
            throw Failure($"Looking at the consumer group {application}", e.Error);
        }
    }, cancellation);

    /// <summary>Registers a transactional id of its own, under which nobody writes: it fences no node.</summary>
    public Task InitTransactionsAsync(CancellationToken cancellation) => Run(() =>
    {
        using var producer = new KafkaProducer(settings, ClientId, $"{application}/{ClientId}", _ => { }, NullLogger.Instance);
        producer.Transactions!.Initialize(Patience);
        return true;
    }, cancellation);

    public void Dispose() => _admin?.Dispose();

    private IConsumer<Ignore, Ignore> Consumer() =>
        new ConsumerBuilder<Ignore, Ignore>([.. settings.Consumer(new GroupMember(application, ClientId)), new("enable.partition.eof", "true")])
            .SetErrorHandler((_, error) => Mention(error))
            .SetLogHandler((_, _) => { })
            .Build();

    private static Task<T> Run<T>(Func<T> work, CancellationToken cancellation) => Task.Run(work, cancellation);

    private void Mention(Error error)
    {
        lock (_lock)
        {
            _mentioned.Add(error);
        }
    }

    /// <summary>Why a connection was closed, a wrong security.protocol among other things, is only said in the log.</summary>
    private void Mention(LogMessage line)
    {
        if (line.Facility == "FAIL")
        {
            var textStart = line.Message.IndexOf("]: ", StringComparison.Ordinal);
            Mention(new Error(ErrorCode.Local_Transport, textStart < 0 ? line.Message : line.Message[(textStart + 3)..]));
        }
    }

    /// <summary>Whether waiting longer would change nothing: refused, or no address left to try.</summary>
    private bool IsHopeless()
    {
        lock (_lock)
        {
            return _mentioned.Exists(e => e.Code == ErrorCode.Local_AllBrokersDown || KafkaFailure.Classify(e.Code) == KafkaFailureKind.Unauthenticated);
        }
    }

    private KafkaFailureException Failure(string doing, Error last)
    {
        lock (_lock)
        {
            // That all brokers are down, or that time ran out, says least; an error code's own name ("Local: ...") little more.
            var cause = _mentioned.Append(last).MinBy(e =>
                KafkaFailure.Classify(e.Code) is KafkaFailureKind.Unauthenticated or KafkaFailureKind.Unauthorized ? 0
                : e.Code is ErrorCode.Local_Resolve or ErrorCode.Local_Transport && !e.Reason.StartsWith("Local: ", StringComparison.Ordinal) ? 1
                : e.Code is ErrorCode.Local_AllBrokersDown or ErrorCode.Local_TimedOut ? 3
                : 2)!;
            return new(doing, KafkaFailure.Of(cause.Code, cause.Reason));
        }
    }
}
