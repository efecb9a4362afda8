using System.Diagnostics;
using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Kafka;

/// <summary>Looks at topics, and makes those that are missing.</summary>
internal sealed class KafkaAdmin : IDisposable
{
    /// <summary>Lets the broker decide (<c>default.replication.factor</c>).</summary>
    private const short BrokersDefault = -1;

    private static readonly TimeSpan Timeout = TimeSpan.FromSeconds(10);

    // One question blocks for so long at most, so that waiting can be cancelled.
    private static readonly TimeSpan Slice = TimeSpan.FromSeconds(2);
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(250);
    private readonly KafkaSettings _settings;
    private readonly string _clientId;
    private readonly ILogger _logger;
    private readonly IAdminClient _client;

    /// <param name="settings">Where Kafka is, and its properties.</param>
    /// <param name="clientId">How brokers name this client in their logs and quotas.</param>
    /// <param name="logger">Says which topics were made or are waited for.</param>
    public KafkaAdmin(KafkaSettings settings, string clientId, ILogger logger)
    {
        LibRdKafka.EnsureLoaded();
        _settings = settings;
        _clientId = clientId;
        _logger = logger;

        // Asking for a topic must not make it.
        _client = Build(allowAutoCreate: false);
    }

    /// <summary>How many partitions a topic has; <c>null</c> when it does not exist.</summary>
    /// <exception cref="KafkaFailureException">Kafka does not answer, or the topic may not be seen.</exception>
    public Task<int?> PartitionCountAsync(string topic, CancellationToken cancellation = default) =>
        Task.Run(() => PartitionCount(_client, topic, cancellation), cancellation);

    /// <summary>The first offset that a partition still has, and the one after its last.</summary>
    /// <exception cref="KafkaFailureException">Kafka does not answer, or there is no such partition.</exception>
    public unsafe Task<(long First, long End)> RangeAsync(Processors.TopicPartition partition, CancellationToken cancellation = default) => Task.Run(
        () =>
        {
            long first;
            long end;
            var error = NativeMethods.rd_kafka_query_watermark_offsets(
                ClientHandle.Of(_client), partition.Topic, partition.Partition, &first, &end, KafkaConsumer.Milliseconds(Timeout));
            return error == ErrorCode.NoError
                ? (first, end)
                : throw new KafkaFailureException($"Asking for the offsets of {partition}", KafkaFailure.Of(error, partition: partition));
        },
        cancellation);

    /// <summary>Makes a topic unless it exists.</summary>
    /// <param name="topic">Its name.</param>
    /// <param name="partitions">How many partitions it shall have.</param>
    /// <param name="cancellation">Ends the waiting.</param>
    /// <returns>
    /// How many partitions it has: another number than was asked for if it was there already, or if the broker makes topics
    /// only by itself.
    /// </returns>
    /// <exception cref="KafkaFailureException">Kafka does not answer or refuses; the message says what to do.</exception>
    public async Task<int> EnsureTopicAsync(string topic, int partitions, CancellationToken cancellation = default)
    {
        if (await PartitionCountAsync(topic, cancellation) is { } existing)
        {
            return existing;
        }

        // librdkafka's own broker for tests and demos has no controller and no CreateTopics; it makes topics that are asked for.
        if (await Task.Run(HasController, cancellation) || await Task.Run(AutoCreate, cancellation) is null)
        {
            await CreateAsync(topic, partitions, validateOnly: false);
        }

        // The controller answers before the other brokers have heard of it.
        return await WaitForTopicAsync(topic, cancellation);

        int? AutoCreate()
        {
            using var client = Build(allowAutoCreate: true);
            return PartitionCount(client, topic, cancellation);
        }
    }

    /// <summary>Asks whether a topic could be made, and makes none.</summary>
    /// <exception cref="KafkaFailureException">It could not; the message says what to do.</exception>
    public async Task TryCreateTopicAsync(string topic, int partitions, CancellationToken cancellation = default)
    {
        // A broker without a controller makes topics by itself.
        if (await Task.Run(HasController, cancellation))
        {
            await CreateAsync(topic, partitions, validateOnly: true).WaitAsync(cancellation);
        }
    }

    /// <summary>Waits until a topic exists, and Kafka answers at all.</summary>
    /// <returns>How many partitions it has.</returns>
    /// <exception cref="KafkaFailureException">The topic may not be seen, or Kafka does not accept this client.</exception>
    public async Task<int> WaitForTopicAsync(string topic, CancellationToken cancellation = default)
    {
        var (saidTopic, saidKafka) = (false, false);
        for (var round = 0; ; round++)
        {
            try
            {
                if (await PartitionCountAsync(topic, cancellation) is { } partitions)
                {
                    return partitions;
                }

                saidKafka = false;
                if (round > 4 && !saidTopic)
                {
                    _logger.WaitingForTopic(topic);
                    saidTopic = true;
                }
            }
            catch (KafkaFailureException e) when (e.Failure.Kind == KafkaFailureKind.Transient)
            {
                if (!saidKafka)
                {
                    _logger.WaitingForKafka(e.Failure.Reason);
                    saidKafka = true;
                }
            }

            await Task.Delay(Pause, cancellation);
        }
    }

    public void Dispose() => _client.Dispose();

    private async Task CreateAsync(string topic, int partitions, bool validateOnly)
    {
        var specification = new TopicSpecification { Name = topic, NumPartitions = partitions, ReplicationFactor = BrokersDefault };
        try
        {
            await _client.CreateTopicsAsync(
                [specification],
                new CreateTopicsOptions { RequestTimeout = Timeout, OperationTimeout = Timeout, ValidateOnly = validateOnly });
            if (!validateOnly)
            {
                _logger.TopicCreated(topic, partitions);
            }
        }
        catch (CreateTopicsException e) when (e.Results[0].Error.Code == ErrorCode.TopicAlreadyExists)
        {
            // Another node was faster.
        }
        catch (CreateTopicsException e)
        {
            throw NotCreated(topic, partitions, e.Results[0].Error, e);
        }
        catch (KafkaException e)
        {
            throw NotCreated(topic, partitions, e.Error, e);
        }
    }

    private bool HasController()
    {
        try
        {
            var brokers = _client.GetMetadata(Slice).Brokers;
            var controller = NativeMethods.rd_kafka_controllerid(ClientHandle.Of(_client), KafkaConsumer.Milliseconds(Slice));
            return brokers.Exists(b => b.BrokerId == controller);
        }
        catch (KafkaException)
        {
            // Whatever it is, CreateTopics meets it too, and says so.
            return true;
        }
    }

    private static int? PartitionCount(IAdminClient client, string topic, CancellationToken cancellation)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            try
            {
                return PartitionCount(client, topic);
            }
            catch (KafkaFailureException e) when (
                e.Failure.Kind == KafkaFailureKind.Transient && Stopwatch.GetElapsedTime(started) + Slice < Timeout)
            {
                cancellation.ThrowIfCancellationRequested();
            }
        }
    }

    private static int? PartitionCount(IAdminClient client, string topic)
    {
        var doing = $"Looking at topic {topic}";
        try
        {
            var found = client.GetMetadata(topic, Slice).Topics.Find(t => t.Topic == topic);
            return found switch
            {
                null => null,
                { Error.Code: ErrorCode.UnknownTopicOrPart or ErrorCode.LeaderNotAvailable } => null,
                { Error.IsError: true } => throw new KafkaFailureException(
                    doing, KafkaFailure.Of(found.Error.Code, found.Error.Reason, new(topic, -1))),
                { Partitions.Count: 0 } => null,
                _ => found.Partitions.Count,
            };
        }
        catch (KafkaException e)
        {
            throw new KafkaFailureException(doing, KafkaFailure.Of(e.Error.Code, e.Error.Reason, fatal: e.Error.IsFatal), e);
        }
    }

    private static KafkaFailureException NotCreated(string topic, int partitions, Error error, Exception inner)
    {
        var byHand = $"or create it yourself: kafka-topics.sh --create --topic {topic} --partitions {partitions}";
        var advice = error.Code switch
        {
            ErrorCode.TopicAuthorizationFailed or ErrorCode.ClusterAuthorizationFailed => $"Grant this client's user CREATE on the topic, {byHand}.",
            ErrorCode.PolicyViolation or ErrorCode.InvalidReplicationFactor or ErrorCode.InvalidPartitions or ErrorCode.InvalidConfig =>
                $"The cluster's rules for topics do not allow it: create it as they ask: kafka-topics.sh --create --topic {topic} --partitions {partitions}.",
            _ => $"Try again, {byHand}.",
        };
        return new($"Creating topic {topic}", KafkaFailure.Of(error.Code, $"{error.Reason}. {advice}", new(topic, -1)), inner);
    }

    private IAdminClient Build(bool allowAutoCreate) =>
        new AdminClientBuilder([.. _settings.Admin(_clientId), new("allow.auto.create.topics", allowAutoCreate ? "true" : "false")])
            .SetLogHandler((_, line) => Log(line))
            .SetErrorHandler((_, error) => _logger.Library(LogLevel.Debug, _clientId, "ERROR", error.Reason))
            .Build();

    private void Log(LogMessage line)
    {
        // Warnings about properties that do not apply to this kind of client would only repeat what the others do with them.
        if (line.Facility != "CONFWARN")
        {
            _logger.Library(line);
        }
    }
}
