using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>What a native producer tells; no handler may throw, since native code or a thread of its own is their caller.</summary>
internal interface IProducerEvents
{
    /// <summary>A record did not arrive. On the thread of <see cref="ProducerEventLoop"/>.</summary>
    void NotDelivered(Processors.TopicPartition partition, ErrorCode error);

    /// <summary>Something concerns the client as a whole. On the thread of <see cref="ProducerEventLoop"/>.</summary>
    void ClientFailed(ErrorCode error, string reason);

    /// <summary>A log line. On any thread.</summary>
    void Logged(SyslogLevel level, string client, string facility, string text);
}

/// <summary>
/// A native producer (<c>rd_kafka_t</c>) whose events <see cref="ProducerEventLoop"/> serves. What it has not delivered is dropped when it
/// is freed.
/// </summary>
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
        NativeMethods.rd_kafka_conf_set_events(conf, NativeMethods.EventDelivery | NativeMethods.EventError);
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
