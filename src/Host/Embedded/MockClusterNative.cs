using System.Runtime.InteropServices;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Embedded;

/// <summary>librdkafka's calls for its mock cluster, as its headers rdkafka.h and rdkafka_mock.h declare them.</summary>
internal static unsafe partial class MockClusterNative
{
    /// <summary>RD_KAFKA_PRODUCER.</summary>
    public const int Producer = 0;

    /// <summary>RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS.</summary>
    public const int TopicAlreadyExists = 36;

    /// <summary>Stands for all brokers of the cluster.</summary>
    public const int AllBrokers = -1;

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_conf_new")]
    public static partial nint ConfNew();

    /// <summary>With no callback, the handle logs nothing.</summary>
    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_conf_set_log_cb")]
    public static partial void ConfSetLogCallback(nint conf, nint callback);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_conf_destroy")]
    public static partial void ConfDestroy(nint conf);

    /// <summary>Owns the configuration from then on, unless it fails.</summary>
    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_new")]
    public static partial nint New(int type, nint conf, byte* error, nuint errorSize);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_destroy")]
    public static partial void Destroy(nint handle);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_err2str")]
    public static partial nint ErrorText(int error);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_cluster_new")]
    public static partial nint ClusterNew(nint handle, int brokers);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_cluster_destroy")]
    public static partial void ClusterDestroy(nint cluster);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_cluster_bootstraps")]
    public static partial nint ClusterBootstraps(nint cluster);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_topic_create", StringMarshalling = StringMarshalling.Utf8)]
    public static partial int TopicCreate(nint cluster, string topic, int partitions, int replicationFactor);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_broker_set_down")]
    public static partial int BrokerSetDown(nint cluster, int broker);

    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_broker_set_up")]
    public static partial int BrokerSetUp(nint cluster, int broker);

    /// <summary>Not in librdkafka before 2.6.</summary>
    [LibraryImport(LibRdKafka.Name, EntryPoint = "rd_kafka_mock_group_initial_rebalance_delay_ms")]
    public static partial void GroupInitialRebalanceDelay(nint cluster, int milliseconds);
}
