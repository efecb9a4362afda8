using Confluent.Kafka;
using Confluent.Kafka.Admin;
using Streams.Hosting.Kafka.Native;

namespace Clickstream;

/// <summary>
/// Sends clicks to a topic, as a team's web servers would: idempotent, compressed, with Java's partitioner. The Kafka timestamp is the
/// time of sending, since brokers delete by it; event time is in the click. <see cref="SendAsync"/> is for one caller at a time.
/// </summary>
internal sealed class ClickSender : IDisposable
{
    private static readonly TimeSpan DefaultAnswerTimeout = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan QueueFullWait = TimeSpan.FromMilliseconds(5);

    private readonly IProducer<byte[]?, byte[]> _producer;
    private readonly Action<DeliveryReport<byte[]?, byte[]>> _delivered;
    private readonly string _bootstrapServers;
    private readonly string _topic;
    private readonly TimeSpan _answerTimeout;
    private volatile Error? _connectionError;
    private volatile Error? _fatalError;
    private volatile Error? _firstFailure;
    private long _queued;
    private long _sent;
    private long _failed;

    /// <summary>Creates a sender. Nothing is tried yet.</summary>
    /// <param name="bootstrapServers">Where Kafka is.</param>
    /// <param name="topic">Where clicks go.</param>
    /// <param name="properties">More librdkafka properties; they win over those chosen here.</param>
    /// <exception cref="DllNotFoundException">There is no usable librdkafka; the message says what to install.</exception>
    /// <param name="answerTimeout">How long <see cref="EnsureTopicAsync"/> waits for a broker. Default 10 s.</param>
    public ClickSender(
        string bootstrapServers, string topic, IEnumerable<KeyValuePair<string, string>> properties, TimeSpan? answerTimeout = null)
    {
        LibRdKafka.EnsureLoaded();
        _answerTimeout = answerTimeout ?? DefaultAnswerTimeout;
        _bootstrapServers = bootstrapServers;
        _topic = topic;
        _delivered = OnDelivered;
        var all = new Dictionary<string, string>
        {
            ["client.id"] = "clickstream-produce",
            ["enable.idempotence"] = "true",
            ["partitioner"] = "murmur2_random",
            ["compression.type"] = "lz4",
            ["linger.ms"] = "5",
            ["queue.buffering.max.kbytes"] = "65536",
            ["dotnet.producer.delivery.report.fields"] = "status",
        };
        foreach (var (name, value) in properties)
        {
            all[name] = value;
        }

        all["bootstrap.servers"] = bootstrapServers;
        _producer = new ProducerBuilder<byte[]?, byte[]>(all)
            .SetErrorHandler((_, error) => OnError(error))
            .SetLogHandler((_, _) => { })
            .Build();
    }

    /// <summary>How many clicks a broker has confirmed.</summary>
    public long Sent => Interlocked.Read(ref _sent);

    /// <summary>How many clicks could not be delivered.</summary>
    public long Failed => Interlocked.Read(ref _failed);

    /// <summary>Why the first of them could not; <c>null</c> when all went well.</summary>
    public string? FirstFailure => _firstFailure?.Reason;

    /// <summary>What is wrong with the connection at the moment; <c>null</c> when nothing is.</summary>
    public string? ConnectionError => _connectionError?.Reason;

    /// <summary>Creates the topic if it is missing.</summary>
    /// <param name="partitions">Its partitions, if it is created.</param>
    /// <param name="cancellation">Gives up waiting.</param>
    /// <returns>Whether it was created.</returns>
    /// <exception cref="ClickSendException">No broker answers, or it refuses.</exception>
    public async Task<bool> EnsureTopicAsync(int partitions, CancellationToken cancellation)
    {
        using var admin = new DependentAdminClientBuilder(_producer.Handle).Build();
        try
        {
            // All topics: asking for one would create it where brokers create topics by themselves, with their number of partitions.
            var metadata = await Task.Run(() => admin.GetMetadata(_answerTimeout), cancellation).WaitAsync(cancellation);
            if (metadata.Topics.Any(t => t.Topic == _topic))
            {
                return false;
            }

            await admin.CreateTopicsAsync(
                [new TopicSpecification { Name = _topic, NumPartitions = partitions, ReplicationFactor = -1 }],
                new CreateTopicsOptions { RequestTimeout = _answerTimeout, OperationTimeout = _answerTimeout }).WaitAsync(cancellation);
            return true;
        }
        catch (CreateTopicsException e) when (e.Results.All(r => r.Error.Code == ErrorCode.TopicAlreadyExists))
        {
            return false;
        }
        catch (CreateTopicsException e)
        {
            var reason = e.Results.Select(r => r.Error.Reason).FirstOrDefault() ?? e.Error.Reason;
            throw new ClickSendException($"The topic {_topic} cannot be created: {reason}. Create it, or grant the right to.", e);
        }
        catch (KafkaException e) when (e.Error.Code == ErrorCode.Local_UnsupportedFeature)
        {
            // A broker without this call (librdkafka's mock cluster is one) creates topics by itself.
            return false;
        }
        catch (KafkaException e)
        {
            var reason = _connectionError?.Reason ?? e.Error.Reason;
            throw new ClickSendException(
                $"No Kafka broker answers at {_bootstrapServers}: {reason}. "
                + "Start it, or say where it is with --bootstrap-servers or ConnectionStrings__Kafka.", e);
        }
    }

    /// <summary>Queues one click; waits while the queue is full.</summary>
    /// <exception cref="ClickSendException">The producer has failed for good.</exception>
    public async ValueTask SendAsync(byte[]? key, byte[] value, CancellationToken cancellation)
    {
        var message = new Message<byte[]?, byte[]> { Key = key, Value = value };
        while (true)
        {
            try
            {
                _producer.Produce(_topic, message, _delivered);
                _queued++;
                return;
            }
            catch (ProduceException<byte[]?, byte[]> e) when (e.Error.Code == ErrorCode.Local_QueueFull)
            {
                await Task.Delay(QueueFullWait, cancellation);
            }
            catch (ProduceException<byte[]?, byte[]> e)
            {
                _queued++;
                Fail(e.Error);
                if ((_fatalError ?? e.Error) is { IsFatal: true } fatal)
                {
                    throw new ClickSendException($"The producer cannot go on: {fatal.Reason}", e);
                }

                return;
            }
        }
    }

    /// <summary>Waits until every queued click is delivered or has failed, after <c>message.timeout.ms</c> at the latest.</summary>
    public Task FlushAsync(CancellationToken cancellation) => Task.Run(() => _producer.Flush(cancellation), CancellationToken.None);

    /// <summary>Delivers what is queued, and counts what is not delivered within <paramref name="timeout"/> as failed. Nothing may be sent afterwards.</summary>
    public async Task CloseAsync(TimeSpan timeout)
    {
        await Task.Run(() => _producer.Flush(timeout));
        var open = _queued - Sent - Failed;
        if (open > 0)
        {
            Interlocked.Add(ref _failed, open);
            _firstFailure ??= _connectionError ?? new Error(ErrorCode.Local_TimedOut, "no answer before the end");
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _producer.Dispose();

    private void OnDelivered(DeliveryReport<byte[]?, byte[]> report)
    {
        if (report.Error.IsError)
        {
            Fail(report.Error);
        }
        else
        {
            Interlocked.Increment(ref _sent);
            _connectionError = null;
        }
    }

    private void OnError(Error error)
    {
        // That all brokers are down comes last, and says less than what came before it.
        if (error.Code != ErrorCode.Local_AllBrokersDown || _connectionError is null)
        {
            _connectionError = error;
        }

        if (error.IsFatal)
        {
            _fatalError = error;
        }
    }

    private void Fail(Error error)
    {
        _firstFailure ??= error;
        Interlocked.Increment(ref _failed);
    }
}

/// <summary>Clicks cannot be sent. The message says why, and what to do.</summary>
internal sealed class ClickSendException(string message, Exception inner) : Exception(message, inner);
