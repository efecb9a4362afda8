using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>
/// Serves a producer's events on a thread of its own, which sleeps unless something fails: records that arrive are not reported.
/// </summary>
/// <remarks>
/// Were they told by callbacks instead, a flush would have to call them, and the library then looks only every ten milliseconds whether
/// all records have arrived. With events it waits for exactly that.
/// </remarks>
internal sealed unsafe class ProducerEventLoop : IDisposable
{
    private const int UntilWoken = -1;
    private const int StackBytes = 256 * 1024;
    private readonly IProducerEvents _events;
    private readonly nint _queue;
    private readonly Thread _thread;
    private volatile bool _isStopping;

    /// <param name="producer">Whose events; freed only after this is disposed.</param>
    /// <param name="events">Hears of them.</param>
    public ProducerEventLoop(ProducerHandle producer, IProducerEvents events)
    {
        _events = events;
        _queue = NativeMethods.rd_kafka_queue_get_main(producer.DangerousGetHandle());
        _thread = new Thread(Run, StackBytes) { IsBackground = true, Name = "streams-producer" };
        _thread.Start();
    }

    /// <summary>Returns when the last handler has.</summary>
    public void Dispose()
    {
        _isStopping = true;
        NativeMethods.rd_kafka_queue_yield(_queue);
        _thread.Join();
        NativeMethods.rd_kafka_queue_destroy(_queue);
    }

    private void Run()
    {
        while (!_isStopping)
        {
            var happened = NativeMethods.rd_kafka_queue_poll(_queue, UntilWoken);
            if (happened != 0)
            {
                Serve(happened);

                // Only now do the records in it count as no longer on their way.
                NativeMethods.rd_kafka_event_destroy(happened);
            }
        }
    }

    private void Serve(nint happened)
    {
        switch (NativeMethods.rd_kafka_event_type(happened))
        {
            case NativeMethods.EventDelivery:
                for (var record = NativeMethods.rd_kafka_event_message_next(happened); record != null; record = NativeMethods.rd_kafka_event_message_next(happened))
                {
                    if (record->Error != ErrorCode.NoError)
                    {
                        var topic = NativeText.Read(NativeMethods.rd_kafka_topic_name(record->Topic));
                        _events.NotDelivered(new(topic, record->Partition), record->Error);
                    }
                }

                break;
            case NativeMethods.EventError:
                _events.ClientFailed(NativeMethods.rd_kafka_event_error(happened), NativeText.Read(NativeMethods.rd_kafka_event_error_string(happened)));
                break;
        }
    }
}
