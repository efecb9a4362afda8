using System.Runtime.InteropServices;
using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>
/// Splits what the library returned, mixed as it came, into one batch per partition. Errors in between go to a handler;
/// records of partitions that are not owned (any more) are dropped.
/// </summary>
internal sealed unsafe class BatchSplitter(SafeHandle client, Func<TopicPartition, bool> owned, Action<KafkaFailure> onFailure)
{
    private sealed class Slot(TopicPartition partition, bool owned)
    {
        public readonly TopicPartition Partition = partition;
        public readonly bool Owned = owned;
        public NativeRecordBatch? Batch;
    }

    // Topic handles are unique while a partition of theirs is assigned, so addresses identify topics between two rebalances.
    private readonly Dictionary<(nint Topic, int Partition), Slot> _slots = [];
    private readonly List<Slot> _filled = [];
    private readonly List<KafkaFailure> _failures = [];

    /// <summary>Ownership has changed.</summary>
    public void Forget() => _slots.Clear();

    /// <returns>How many records were added to <paramref name="into"/>.</returns>
    public int Split(NativeMessage** messages, int count, List<NativeRecordBatch> into)
    {
        var records = 0;
        nint topic = 0;
        var partition = -1;
        Slot? slot = null;
        for (var i = 0; i < count; i++)
        {
            var message = messages[i];
            if (message->Error != ErrorCode.NoError)
            {
                TakeFailure(message);
                continue;
            }

            // A fetch brings hundreds of records per partition: runs are long, and look-ups few.
            if (slot is null || message->Partition != partition || message->Topic != topic)
            {
                (topic, partition) = (message->Topic, message->Partition);
                slot = Find(topic, partition);
            }

            if (!slot.Owned)
            {
                NativeMethods.rd_kafka_message_destroy(message);
                continue;
            }

            if (slot.Batch is null)
            {
                slot.Batch = new NativeRecordBatch(client, slot.Partition);
                into.Add(slot.Batch);
                _filled.Add(slot);
            }

            slot.Batch.Append(message);
            records++;
        }

        foreach (var filled in _filled)
        {
            filled.Batch = null;
        }

        _filled.Clear();
        Report();
        return records;
    }

    /// <summary>Frees messages that nobody will see.</summary>
    public static void Destroy(NativeMessage** messages, int count)
    {
        for (var i = 0; i < count; i++)
        {
            NativeMethods.rd_kafka_message_destroy(messages[i]);
        }
    }

    /// <summary>Last of all, so that a handler that throws loses no records.</summary>
    private void Report()
    {
        if (_failures.Count == 0)
        {
            return;
        }

        KafkaFailure[] failures = [.. _failures];
        _failures.Clear();
        Array.ForEach(failures, onFailure);
    }

    private Slot Find(nint topic, int number)
    {
        if (!_slots.TryGetValue((topic, number), out var slot))
        {
            var partition = new TopicPartition(NativeText.Read(NativeMethods.rd_kafka_topic_name(topic)), number);
            slot = new Slot(partition, owned(partition));
            _slots.Add((topic, number), slot);
        }

        return slot;
    }

    private void TakeFailure(NativeMessage* message)
    {
        // The end of a partition is told only where enable.partition.eof asks for it, and is no failure.
        if (message->Error != ErrorCode.Local_PartitionEOF)
        {
            TopicPartition? partition = message->Topic == 0
                ? null
                : new(NativeText.Read(NativeMethods.rd_kafka_topic_name(message->Topic)), message->Partition);
            _failures.Add(KafkaFailure.Of(
                message->Error,
                Marshal.PtrToStringUTF8((nint)message->Value, (int)message->ValueLength),
                partition,
                message->Offset < 0 ? null : message->Offset));
        }

        NativeMethods.rd_kafka_message_destroy(message);
    }
}
