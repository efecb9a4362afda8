using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>What a native producer tells; no handler may throw, since native code is their caller.</summary>
internal interface IProducerEvents
{
    /// <summary>A record did not arrive. On the thread that polls, flushes or ends a transaction.</summary>
    void NotDelivered(Processors.TopicPartition partition, ErrorCode error);

    /// <summary>Something concerns the client as a whole. On the thread that polls, flushes or ends a transaction.</summary>
    void ClientFailed(ErrorCode error, string reason);

    /// <summary>A log line. On any thread.</summary>
    void Logged(SyslogLevel level, string client, string facility, string text);
}

/// <summary>A native producer (<c>rd_kafka_t</c>). What it has not delivered is dropped when it is freed.</summary>
internal sealed unsafe class ProducerHandle : SafeHandle
{
    private GCHandle _events;

    public ProducerHandle()
        : base(0, ownsHandle: true)
    {
    }

    public override bool IsInvalid => handle == 0;

    /// <exception cref="KafkaSettingsException">The properties do not go together.</exception>
    public static ProducerHandle Create(
        IReadOnlyList<KeyValuePair<string, string>> properties, Func<string, string> origin, IProducerEvents events)
    {
        var producer = new ProducerHandle();
        var conf = NativeConfig.Create(properties, origin);
        producer._events = GCHandle.Alloc(events);
        NativeMethods.rd_kafka_conf_set_opaque(conf, GCHandle.ToIntPtr(producer._events));
        NativeMethods.rd_kafka_conf_set_dr_msg_cb(conf, &OnDelivery);
        NativeMethods.rd_kafka_conf_set_error_cb(conf, &OnError);
        NativeMethods.rd_kafka_conf_set_log_cb(conf, &OnLog);
        var error = stackalloc byte[NativeText.ErrorBytes];
        var rk = NativeMethods.rd_kafka_new(NativeMethods.TypeProducer, conf, error, NativeText.ErrorBytes);
        if (rk == 0)
        {
            NativeMethods.rd_kafka_conf_destroy(conf);
            producer._events.Free();
            throw new KafkaSettingsException($"The Kafka producer cannot be made: {NativeText.Read(error)}. Check Kafka:Common and Kafka:Producer.");
        }

        producer.SetHandle(rk);
        return producer;
    }

    protected override bool ReleaseHandle()
    {
        NativeMethods.rd_kafka_destroy(handle);
        _events.Free();
        return true;
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnDelivery(nint rk, NativeMessage* message, nint opaque)
    {
        if (message->Error != ErrorCode.NoError)
        {
            var topic = NativeText.Read(NativeMethods.rd_kafka_topic_name(message->Topic));
            Events(opaque)?.NotDelivered(new(topic, message->Partition), message->Error);
        }
    }

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnError(nint rk, int error, nint reason, nint opaque) =>
        Events(opaque)?.ClientFailed((ErrorCode)error, NativeText.Read(reason));

    [UnmanagedCallersOnly(CallConvs = [typeof(CallConvCdecl)])]
    private static void OnLog(nint rk, int level, nint facility, nint text)
    {
        // Lines of no client in particular have no handle.
        if (rk != 0)
        {
            Events(NativeMethods.rd_kafka_opaque(rk))?.Logged(
                (SyslogLevel)level, NativeText.Read(NativeMethods.rd_kafka_name(rk)), NativeText.Read(facility), NativeText.Read(text));
        }
    }

    private static IProducerEvents? Events(nint opaque) => GCHandle.FromIntPtr(opaque).Target as IProducerEvents;
}
