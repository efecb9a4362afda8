using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary><c>rd_kafka_message_t</c>: a record that was read, an error in its place, or a record whose delivery is reported.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativeMessage
{
    public ErrorCode Error;
    public nint Topic;
    public int Partition;
    public byte* Value;
    public nuint ValueLength;
    public byte* Key;
    public nuint KeyLength;
    public long Offset;
    public nint Private;
}

/// <summary><c>rd_kafka_topic_partition_t</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePartition
{
    public nint Topic;
    public int Partition;
    public long Offset;
    public byte* Metadata;
    public nuint MetadataLength;
    public nint Opaque;
    public ErrorCode Error;
    public nint Private;
}

/// <summary><c>rd_kafka_topic_partition_list_t</c>.</summary>
[StructLayout(LayoutKind.Sequential)]
internal unsafe struct NativePartitions
{
    public int Count;
    public int Capacity;
    public NativePartition* Items;
}

/// <summary><c>rd_kafka_vtype_t</c>: which member of <see cref="ProduceArgument"/> counts.</summary>
internal enum ProduceArgumentKind
{
    TopicHandle = 2,
    Value = 4,
    Key = 5,
    Flags = 7,
    Timestamp = 8,
    Headers = 10,
}

/// <summary><c>rd_kafka_vu_t</c>: one argument of <c>rd_kafka_produceva</c>, padded as librdkafka pads it.</summary>
[StructLayout(LayoutKind.Explicit, Size = 72)]
internal unsafe struct ProduceArgument
{
    [FieldOffset(0)]
    public ProduceArgumentKind Kind;

    /// <summary>A handle, or the start of the bytes.</summary>
    [FieldOffset(8)]
    public void* Pointer;

    [FieldOffset(16)]
    public nuint Size;

    [FieldOffset(8)]
    public int Flags;

    [FieldOffset(8)]
    public long Timestamp;
}
