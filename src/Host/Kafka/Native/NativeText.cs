using System.Runtime.InteropServices;
using Confluent.Kafka;

namespace Streams.Hosting.Kafka.Native;

/// <summary>The library's texts as strings.</summary>
internal static class NativeText
{
    /// <summary>What fits librdkafka's longest messages; longer ones are cut by the library.</summary>
    public const int ErrorBytes = 512;

    public static string Read(nint utf8) => Marshal.PtrToStringUTF8(utf8) ?? "";

    public static unsafe string Read(byte* utf8) => Read((nint)utf8);

    /// <summary>The error's identifier, such as <c>OFFSET_OUT_OF_RANGE</c>.</summary>
    public static string Name(ErrorCode error) => Read(NativeMethods.rd_kafka_err2name(error));

    /// <summary>What the library says about an error in general.</summary>
    public static string Describe(ErrorCode error) => Read(NativeMethods.rd_kafka_err2str(error));
}
