using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>
/// The functions of librdkafka that are called without Confluent.Kafka in between, under their own names. All of them are
/// there from librdkafka 1.9 on. <see cref="LibRdKafka.EnsureLoaded"/> comes before the first call.
/// </summary>
/// <remarks>
/// <c>SuppressGCTransition</c> stands only where the function reads a few fields: it takes no lock, waits for nothing and
/// calls nothing back.
/// </remarks>
internal static unsafe partial class NativeMethods
{
    private const string Library = LibRdKafka.Name;

    public const int ConfUnknown = -2;
    public const int ConfOk = 0;
    public const int TypeProducer = 0;
    public const int TypeConsumer = 1;

    /// <summary>The library copies the payload: the caller's memory is free again when the call returns.</summary>
    public const int FlagCopy = 2;

    public const int TimestampNotAvailable = 0;
    public const int EventDelivery = 0x1;
    public const int EventError = 0x8;

    // Configuration.
    [LibraryImport(Library)]
    public static partial nint rd_kafka_conf_new();

    [LibraryImport(Library)]
    public static partial void rd_kafka_conf_destroy(nint conf);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial int rd_kafka_conf_set(nint conf, string name, string value, byte* error, nuint errorSize);

    [LibraryImport(Library)]
    public static partial void rd_kafka_conf_set_opaque(nint conf, nint opaque);

    [LibraryImport(Library)]
    public static partial void rd_kafka_conf_set_events(nint conf, int events);

    [LibraryImport(Library)]
    public static partial void rd_kafka_conf_set_log_cb(nint conf, delegate* unmanaged[Cdecl]<nint, int, nint, nint, void> callback);

    // Clients.
    [LibraryImport(Library)]
    public static partial nint rd_kafka_new(int type, nint conf, byte* error, nuint errorSize);

    [LibraryImport(Library)]
    public static partial void rd_kafka_destroy(nint rk);

    [LibraryImport(Library)]
    public static partial int rd_kafka_controllerid(SafeHandle rk, int timeoutMs);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_opaque(nint rk);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_name(nint rk);

    [LibraryImport(Library)]
    public static partial int rd_kafka_outq_len(SafeHandle rk);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_fatal_error(nint rk, byte* error, nuint errorSize);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_sasl_background_callbacks_enable(nint rk);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_err2str(ErrorCode error);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_err2name(ErrorCode error);

    [LibraryImport(Library)]
    public static partial void* rd_kafka_mem_malloc(SafeHandle rk, nuint size);

    // Events.
    [LibraryImport(Library)]
    public static partial nint rd_kafka_queue_get_main(nint rk);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_queue_poll(nint queue, int timeoutMs);

    [LibraryImport(Library)]
    public static partial void rd_kafka_queue_yield(nint queue);

    [LibraryImport(Library)]
    public static partial void rd_kafka_queue_destroy(nint queue);

    [LibraryImport(Library)]
    public static partial int rd_kafka_event_type(nint happened);

    [LibraryImport(Library)]
    public static partial NativeMessage* rd_kafka_event_message_next(nint happened);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_event_error(nint happened);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_event_error_string(nint happened);

    [LibraryImport(Library)]
    public static partial void rd_kafka_event_destroy(nint happened);

    // Topics and partitions.
    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial nint rd_kafka_topic_new(nint rk, string topic, nint conf);

    [LibraryImport(Library)]
    public static partial void rd_kafka_topic_destroy(nint topic);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_topic_name(nint topic);

    [LibraryImport(Library)]
    public static partial NativePartitions* rd_kafka_topic_partition_list_new(int capacity);

    [LibraryImport(Library)]
    public static partial void rd_kafka_topic_partition_list_destroy(NativePartitions* partitions);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial NativePartition* rd_kafka_topic_partition_list_add(NativePartitions* partitions, string topic, int partition);

    // Reading.
    [LibraryImport(Library)]
    public static partial nint rd_kafka_queue_get_consumer(SafeHandle rk);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_consume_batch_queue(nint queue, int timeoutMs, NativeMessage** messages, nuint capacity);

    [LibraryImport(Library)]
    public static partial void rd_kafka_message_destroy(NativeMessage* message);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial long rd_kafka_message_timestamp(NativeMessage* message, int* type);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_message_headers(NativeMessage* message, nint* headers);

    [LibraryImport(Library)]
    [SuppressGCTransition]
    public static partial ErrorCode rd_kafka_header_get_all(nint headers, nuint index, byte** name, byte** value, nuint* size);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_pause_partitions(SafeHandle rk, NativePartitions* partitions);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_resume_partitions(SafeHandle rk, NativePartitions* partitions);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_committed(SafeHandle rk, NativePartitions* partitions, int timeoutMs);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_commit(SafeHandle rk, NativePartitions* partitions, int async);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial ErrorCode rd_kafka_query_watermark_offsets(SafeHandle rk, string topic, int partition, long* low, long* high, int timeoutMs);

    [LibraryImport(Library, StringMarshalling = StringMarshalling.Utf8)]
    public static partial ErrorCode rd_kafka_get_watermark_offsets(SafeHandle rk, string topic, int partition, long* low, long* high);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_consumer_group_metadata(SafeHandle rk);

    [LibraryImport(Library)]
    public static partial void rd_kafka_consumer_group_metadata_destroy(nint metadata);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_consumer_group_metadata_write(SafeHandle metadata, void** bytes, nuint* size);

    [LibraryImport(Library)]
    public static partial void rd_kafka_mem_free(nint rk, void* memory);

    // Writing.
    [LibraryImport(Library)]
    public static partial nint rd_kafka_produceva(nint rk, ProduceArgument* arguments, nuint count);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_headers_new(nuint capacity);

    [LibraryImport(Library)]
    public static partial void rd_kafka_headers_destroy(nint headers);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_header_add(nint headers, byte* name, nint nameSize, byte* value, nint valueSize);

    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_flush(nint rk, int timeoutMs);

    // Transactions.
    [LibraryImport(Library)]
    public static partial nint rd_kafka_init_transactions(nint rk, int timeoutMs);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_begin_transaction(nint rk);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_send_offsets_to_transaction(nint rk, NativePartitions* offsets, SafeHandle metadata, int timeoutMs);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_commit_transaction(nint rk, int timeoutMs);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_abort_transaction(nint rk, int timeoutMs);

    // Error objects.
    [LibraryImport(Library)]
    public static partial ErrorCode rd_kafka_error_code(nint error);

    [LibraryImport(Library)]
    public static partial nint rd_kafka_error_string(nint error);

    [LibraryImport(Library)]
    public static partial int rd_kafka_error_is_fatal(nint error);

    [LibraryImport(Library)]
    public static partial int rd_kafka_error_is_retriable(nint error);

    [LibraryImport(Library)]
    public static partial int rd_kafka_error_txn_requires_abort(nint error);

    [LibraryImport(Library)]
    public static partial void rd_kafka_error_destroy(nint error);
}
