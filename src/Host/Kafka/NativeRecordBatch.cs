using System.Buffers;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;
using Streams.Hosting.Kafka.Native;
using Streams.Processors;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Kafka;

/// <summary>
/// Consecutive records of one partition in librdkafka's own memory, uncopied. Disposing gives them back to the library,
/// from any thread; the client lives on until the last of its batches is disposed.
/// </summary>
internal sealed unsafe class NativeRecordBatch : RecordBatch
{
    private const int InitialCapacity = 64;
    private readonly SafeHandle _client;
    private nint[] _messages = ArrayPool<nint>.Shared.Rent(InitialCapacity);
    private int _count;
    private long _sizeBytes;

    public NativeRecordBatch(SafeHandle client, TopicPartition partition)
    {
        var added = false;
        client.DangerousAddRef(ref added);
        _client = client;
        Partition = partition;
    }

    public override TopicPartition Partition { get; }

    public override int Count => _count;

    public override long SizeBytes => _sizeBytes;

    public override long Offset(int index) => At(index)->Offset;

    public override long? TimestampMs(int index)
    {
        int type;
        var timestamp = NativeMethods.rd_kafka_message_timestamp(At(index), &type);
        return type == NativeMethods.TimestampNotAvailable || timestamp < 0 ? null : timestamp;
    }

    public override bool HasKey(int index) => At(index)->Key != null;

    public override bool HasValue(int index) => At(index)->Value != null;

    public override ReadOnlySpan<byte> Key(int index)
    {
        var message = At(index);
        return new(message->Key, (int)message->KeyLength);
    }

    public override ReadOnlySpan<byte> Value(int index)
    {
        var message = At(index);
        return new(message->Value, (int)message->ValueLength);
    }

    public override void CopyHeaders(int index, HeaderList headers)
    {
        nint list;
        if (NativeMethods.rd_kafka_message_headers(At(index), &list) != ErrorCode.NoError)
        {
            return;
        }

        byte* name;
        byte* value;
        nuint size;
        for (nuint i = 0; NativeMethods.rd_kafka_header_get_all(list, i, &name, &value, &size) == ErrorCode.NoError; i++)
        {
            headers.Add(MemoryMarshal.CreateReadOnlySpanFromNullTerminated(name), new(value, (int)size), value != null);
        }
    }

    /// <summary>Takes over one message; the batch destroys it.</summary>
    public void Append(NativeMessage* message)
    {
        if (_count == _messages.Length)
        {
            var grown = ArrayPool<nint>.Shared.Rent(_count * 2);
            _messages.AsSpan(0, _count).CopyTo(grown);
            ArrayPool<nint>.Shared.Return(_messages);
            _messages = grown;
        }

        _messages[_count++] = (nint)message;
        _sizeBytes += (long)(message->KeyLength + message->ValueLength);
    }

    public override void Dispose()
    {
        var messages = Interlocked.Exchange(ref _messages, []);
        if (messages.Length == 0)
        {
            return;
        }

        for (var i = 0; i < _count; i++)
        {
            NativeMethods.rd_kafka_message_destroy((NativeMessage*)messages[i]);
        }

        _count = 0;
        ArrayPool<nint>.Shared.Return(messages);
        _client.DangerousRelease();
    }

    [MethodImpl(MethodImplOptions.AggressiveInlining)]
    private NativeMessage* At(int index)
    {
        // The rented array is longer than the batch: what lies behind it are addresses of messages long gone.
        if ((uint)index >= (uint)_count)
        {
            throw new ArgumentOutOfRangeException(nameof(index), index, $"The batch of {Partition} has {_count} records (0 once disposed).");
        }

        return (NativeMessage*)_messages[index];
    }
}
