using System.Diagnostics;
using Confluent.Kafka;
using Microsoft.Extensions.Logging;
using Streams.Hosting.Kafka.Native;
using Streams.Processors;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>
/// An idempotent producer on librdkafka itself: records go from an <see cref="OutputBuffer"/> into the library's queue
/// without an object each. One thread at a time calls it; only <see cref="OutQueueLength"/> may be read, and
/// <see cref="KafkaTransactions.AwaitDelivery"/> be called, by any thread.
/// </summary>
internal sealed unsafe class KafkaProducer : IDisposable
{
    private const string Doing = "Writing to Kafka";

    /// <summary>How long a flush waits before it looks whether it is to be given up.</summary>
    private static readonly TimeSpan Slice = TimeSpan.FromMilliseconds(100);

    /// <summary>How long to wait for room in a full queue before the next try.</summary>
    private static readonly TimeSpan RoomPause = TimeSpan.FromMilliseconds(10);

    private readonly ProducerHandle _handle;
    private readonly Events _events;
    private readonly ProducerEventLoop _loop;
    private readonly Dictionary<string, nint> _topics = new(StringComparer.Ordinal);

    /// <param name="settings">Where Kafka is, and its properties.</param>
    /// <param name="clientId">How brokers name this client in their logs and quotas.</param>
    /// <param name="transactionalId">The id that fences earlier producers of the same one; <c>null</c> without transactions.</param>
    /// <param name="onFailure">Hears of failures of the client as a whole, on a thread of the producer's; must not throw.</param>
    /// <param name="logger">Takes the library's log lines.</param>
    /// <exception cref="KafkaSettingsException">A property is wrong.</exception>
    public KafkaProducer(KafkaSettings settings, string clientId, string? transactionalId, Action<KafkaFailure> onFailure, ILogger logger)
    {
        _events = new Events(onFailure, logger);
        var properties = settings.Producer(clientId, transactionalId);
        _handle = ProducerHandle.Create(properties, settings.Origin, _events);
        _loop = new ProducerEventLoop(_handle, _events);
        if (properties.Any(p => p.Key is "sasl.mechanism" or "sasl.mechanisms" && p.Value == "OAUTHBEARER"))
        {
            // Tokens are renewed even while nothing is sent.
            var error = NativeMethods.rd_kafka_sasl_background_callbacks_enable(_handle.DangerousGetHandle());
            if (error != 0)
            {
                logger.Library(LogLevel.Warning, clientId, "SASL", KafkaFailure.Take(error).Reason);
            }
        }

        Transactions = transactionalId is null ? null : new KafkaTransactions(_handle, _events.Undelivered, transactionalId);
    }

    /// <summary>Its transactions; <c>null</c> when it was made without a transactional id.</summary>
    public KafkaTransactions? Transactions { get; }

    /// <summary>How many records (and events) have not been delivered yet.</summary>
    public int OutQueueLength => NativeMethods.rd_kafka_outq_len(_handle);

    /// <summary>
    /// Hands records over for delivery, in order; their bytes are copied. Waits while the library's queue is full.
    /// </summary>
    /// <param name="buffer">The records, and the topic they go to.</param>
    /// <param name="from">The index of the first one.</param>
    /// <param name="count">How many.</param>
    /// <param name="cancellation">Ends the waiting; the records before stay handed over.</param>
    /// <exception cref="KafkaFailureException">The library refuses a record: it is too large, or the producer is fenced or broken.</exception>
    public void Send(OutputBuffer buffer, int from, int count, CancellationToken cancellation = default)
    {
        var topic = Topic(buffer.Topic);
        var arguments = stackalloc ProduceArgument[6];
        byte empty = 0;
        for (var i = from; i < from + count; i++)
        {
            fixed (byte* key = buffer.Key(i))
            fixed (byte* value = buffer.Value(i))
            {
                // Empty is not null; a pointer to no bytes would be.
                arguments[0] = new() { Kind = ProduceArgumentKind.TopicHandle, Pointer = (void*)topic };
                arguments[1] = new() { Kind = ProduceArgumentKind.Flags, Flags = NativeMethods.FlagCopy };
                arguments[2] = new() { Kind = ProduceArgumentKind.Timestamp, Timestamp = buffer.TimestampMs(i) };
                arguments[3] = buffer.HasKey(i)
                    ? new() { Kind = ProduceArgumentKind.Key, Pointer = key == null ? &empty : key, Size = (nuint)buffer.Key(i).Length }
                    : new() { Kind = ProduceArgumentKind.Key };
                arguments[4] = buffer.HasValue(i)
                    ? new() { Kind = ProduceArgumentKind.Value, Pointer = value == null ? &empty : value, Size = (nuint)buffer.Value(i).Length }
                    : new() { Kind = ProduceArgumentKind.Value };
                var headers = Headers(buffer.Headers(i));
                var argumentCount = 5;
                if (headers != 0)
                {
                    arguments[argumentCount++] = new() { Kind = ProduceArgumentKind.Headers, Pointer = (void*)headers };
                }

                Produce(buffer.Topic, arguments, argumentCount, headers, cancellation);
            }
        }
    }

    /// <summary>Waits until everything that was sent has arrived.</summary>
    /// <exception cref="KafkaFailureException">
    /// Records sent since the last flush did not arrive (which, and why), or the time was up (<see cref="ErrorCode.Local_TimedOut"/>).
    /// </exception>
    public void Flush(TimeSpan timeout, CancellationToken cancellation = default)
    {
        AwaitArrival(timeout, cancellation);
        if (_events.Undelivered.Take() is { } failure)
        {
            throw new KafkaFailureException(Doing, failure with { Fatal = failure.Fatal || _events.Fatal });
        }
    }

    /// <summary>Waits until nothing is on its way any more. What did not arrive is for the next flush, or the transaction's end, to tell.</summary>
    /// <exception cref="KafkaFailureException">The time was up (<see cref="ErrorCode.Local_TimedOut"/>).</exception>
    public void AwaitArrival(TimeSpan timeout, CancellationToken cancellation = default)
    {
        var started = Stopwatch.GetTimestamp();
        while (true)
        {
            cancellation.ThrowIfCancellationRequested();
            var left = timeout - Stopwatch.GetElapsedTime(started);
            var slice = left < Slice ? left : Slice;
            var error = NativeMethods.rd_kafka_flush(_handle.DangerousGetHandle(), KafkaConsumer.Milliseconds(slice));
            if (error == ErrorCode.NoError)
            {
                return;
            }

            if (error != ErrorCode.Local_TimedOut || left <= Slice)
            {
                throw new KafkaFailureException(Doing, KafkaFailure.Of(
                    error, error == ErrorCode.Local_TimedOut ? $"{OutQueueLength} records are still undelivered after {timeout}" : null));
            }
        }

    }

    /// <summary>Frees the producer; what it has not delivered is dropped.</summary>
    public void Dispose()
    {
        if (_handle.IsClosed)
        {
            return;
        }

        foreach (var topic in _topics.Values)
        {
            NativeMethods.rd_kafka_topic_destroy(topic);
        }

        _topics.Clear();
        _loop.Dispose();
        _handle.Dispose();
    }

    private static nint Headers(ReadOnlySpan<byte> packed)
    {
        if (packed.IsEmpty)
        {
            return 0;
        }

        var headers = NativeMethods.rd_kafka_headers_new(4);
        byte empty = 0;
        while (HeaderList.Read(ref packed, out var name, out var value, out var hasValue))
        {
            fixed (byte* namePointer = name)
            fixed (byte* valuePointer = value)
            {
                NativeMethods.rd_kafka_header_add(
                    headers,
                    namePointer == null ? &empty : namePointer,
                    name.Length,
                    !hasValue ? null : valuePointer == null ? &empty : valuePointer,
                    value.Length);
            }
        }

        return headers;
    }

    private void Produce(string topic, ProduceArgument* arguments, int count, nint headers, CancellationToken cancellation)
    {
        while (true)
        {
            var error = NativeMethods.rd_kafka_produceva(_handle.DangerousGetHandle(), arguments, (nuint)count);
            if (error == 0)
            {
                return;
            }

            var failure = KafkaFailure.Take(error);
            if (failure.Code == ErrorCode.Local_QueueFull && !cancellation.IsCancellationRequested)
            {
                // So that it does not wait for more to send.
                _ = NativeMethods.rd_kafka_flush(_handle.DangerousGetHandle(), (int)RoomPause.TotalMilliseconds);
                continue;
            }

            // The library takes the headers over only with the record.
            if (headers != 0)
            {
                NativeMethods.rd_kafka_headers_destroy(headers);
            }

            cancellation.ThrowIfCancellationRequested();
            if (failure.Code == ErrorCode.Local_State && Transactions?.TakeFailure() is { } cause)
            {
                // A transaction that has failed on its way takes no more records, and says only that.
                failure = cause;
            }

            throw new KafkaFailureException("Writing to Kafka", failure with
            {
                Partition = new TopicPartition(topic, -1),
                Fatal = failure.Fatal || _events.Fatal,
            });
        }
    }

    private nint Topic(string name)
    {
        ObjectDisposedException.ThrowIf(_handle.IsClosed, this);
        if (!_topics.TryGetValue(name, out var topic))
        {
            topic = NativeMethods.rd_kafka_topic_new(_handle.DangerousGetHandle(), name, 0);
            if (topic == 0)
            {
                throw new KafkaFailureException("Writing to Kafka", KafkaFailure.Of(
                    ErrorCode.TopicException, $"'{name}' is not a valid topic name: use letters, digits, '.', '_' and '-', up to 249."));
            }

            _topics.Add(name, topic);
        }

        return topic;
    }

    private sealed class Events(Action<KafkaFailure> onFailure, ILogger logger) : IProducerEvents
    {
        private volatile bool _isFatal;

        public DeliveryFailures Undelivered { get; } = new();

        public bool Fatal => _isFatal;

        public void NotDelivered(TopicPartition partition, ErrorCode error) => Undelivered.Add(partition, error);

        public void ClientFailed(ErrorCode error, string reason)
        {
            _isFatal |= error == ErrorCode.Local_Fatal;
            onFailure(KafkaFailure.Of(error, reason));
        }

        public void Logged(SyslogLevel level, string client, string facility, string text) =>
            logger.Library(level, client, facility, text);
    }
}
