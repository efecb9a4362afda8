using System.Runtime.InteropServices;
using System.Text;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>A list of partitions and offsets as librdkafka takes and gives them. Disposed by whoever made it.</summary>
internal unsafe readonly struct NativePartitionList : IDisposable
{
    private NativePartitionList(int capacity) => Pointer = NativeMethods.rd_kafka_topic_partition_list_new(capacity);

    public NativePartitions* Pointer { get; }

    public static NativePartitionList Of(IReadOnlyCollection<Processors.TopicPartition> partitions)
    {
        var list = new NativePartitionList(partitions.Count);
        foreach (var partition in partitions)
        {
            NativeMethods.rd_kafka_topic_partition_list_add(list.Pointer, partition.Topic, partition.Partition);
        }

        return list;
    }

    /// <param name="rk">The client whose allocator the library will free the metadata with.</param>
    /// <param name="offsets">What to put in.</param>
    public static NativePartitionList Of(SafeHandle rk, IReadOnlyCollection<PartitionOffset> offsets)
    {
        var list = new NativePartitionList(offsets.Count);
        foreach (var (partition, offset, metadata) in offsets)
        {
            var item = NativeMethods.rd_kafka_topic_partition_list_add(list.Pointer, partition.Topic, partition.Partition);
            item->Offset = offset;
            if (metadata is not null)
            {
                var length = Encoding.UTF8.GetByteCount(metadata);
                item->Metadata = (byte*)NativeMethods.rd_kafka_mem_malloc(rk, (nuint)Math.Max(length, 1));
                item->MetadataLength = (nuint)length;
                Encoding.UTF8.GetBytes(metadata, new Span<byte>(item->Metadata, length));
            }
        }

        return list;
    }

    /// <summary>
    /// What the library put in: per partition the offset and its metadata, <c>null</c> where it knows none (its logical
    /// offsets are negative).
    /// </summary>
    /// <exception cref="KafkaFailureException">The library put an error in for a partition.</exception>
    public List<(Processors.TopicPartition Partition, PartitionOffset? Offset)> Read(string doing)
    {
        var offsets = new List<(Processors.TopicPartition, PartitionOffset?)>(Pointer->Count);
        for (var i = 0; i < Pointer->Count; i++)
        {
            ref var item = ref Pointer->Items[i];
            var partition = new Processors.TopicPartition(NativeText.Read(item.Topic), item.Partition);
            if (item.Error != ErrorCode.NoError)
            {
                throw new KafkaFailureException(doing, KafkaFailure.Of(item.Error, partition: partition));
            }

            var metadata = item.MetadataLength == 0 ? null : Encoding.UTF8.GetString(item.Metadata, (int)item.MetadataLength);
            offsets.Add((partition, item.Offset < 0 ? null : new PartitionOffset(partition, item.Offset, metadata)));
        }

        return offsets;
    }

    public void Dispose() => NativeMethods.rd_kafka_topic_partition_list_destroy(Pointer);
}
