using System.Reflection;
using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>
/// Gets the native handle (<c>rd_kafka_t</c>) out of a client of Confluent.Kafka, which keeps it internal. This is the
/// only place that reaches into that library.
/// </summary>
internal static class ClientHandle
{
    private const string Member = "LibrdkafkaHandle";

    /// <returns>
    /// The client's own handle. Passing it to a native call keeps the client from being destroyed during the call.
    /// </returns>
    public static SafeHandle Of(IClient client) =>
        typeof(Handle).GetProperty(Member, BindingFlags.Instance | BindingFlags.NonPublic)?.GetValue(client.Handle) as SafeHandle
        ?? throw new NotSupportedException(
            $"Confluent.Kafka {typeof(Handle).Assembly.GetName().Version} has no property {nameof(Handle)}.{Member} that holds a SafeHandle, "
            + "through which Streams reads batches. Use one of the versions that Streams was built with (1.9.3, 2.16.0).");
}
