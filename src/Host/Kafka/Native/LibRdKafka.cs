using System.Reflection;
using System.Runtime.InteropServices;

namespace Streams.Hosting.Kafka.Native;

/// <summary>
/// Decides, in one place, which librdkafka this process uses. Our own calls and Confluent.Kafka's end up in one and the
/// same loaded library: a handle made by one copy of librdkafka must never reach another.
/// </summary>
/// <remarks>
/// The first of these that is there wins:
/// <list type="number">
/// <item>the file named by the environment variable <c>STREAMS_LIBRDKAFKA</c>;</item>
/// <item>built with <c>KafkaNative=system</c>: the machine's <c>librdkafka.so.1</c>;</item>
/// <item>built with <c>KafkaNative=package</c>: the library that the NuGet package <c>librdkafka.redist</c> put beside the application.</item>
/// </list>
/// </remarks>
public static class LibRdKafka
{
    /// <summary>The environment variable that may hold the full path of the library to load instead of the default one.</summary>
    public const string PathVariable = "STREAMS_LIBRDKAFKA";

    /// <summary>The name under which our own native calls ask for the library.</summary>
    internal const string Name = "librdkafka";

    private static readonly Lock Gate = new();
    private static LibRdKafkaFile? loaded;

    /// <summary>The version that librdkafka says of itself, such as <c>2.16.0</c>. Loads the library if need be.</summary>
    public static string Version => Load().Version;

    /// <summary>What was loaded: the name or path by which the library was found. Loads the library if need be.</summary>
    public static string Source => Load().Name;

    /// <summary>
    /// Loads librdkafka, and makes Confluent.Kafka and this assembly use what was loaded. Must run before anything uses
    /// Confluent.Kafka; any number of calls, from any thread, are one.
    /// </summary>
    /// <exception cref="DllNotFoundException">There is no usable librdkafka; the message says what to install.</exception>
    /// <exception cref="InvalidOperationException">Confluent.Kafka was used before, and may have loaded another library.</exception>
    public static void EnsureLoaded() => Load();

    private static LibRdKafkaFile Load()
    {
        if (Volatile.Read(ref loaded) is { } ready)
        {
            return ready;
        }
        lock (Gate)
        {
            if (loaded is not null)
            {
                return loaded;
            }
            Assembly confluent = typeof(Confluent.Kafka.Library).Assembly;
            LibRdKafkaSearch search = LibRdKafkaSearch.ForThisProcess(Environment.GetEnvironmentVariable(PathVariable));
            if (search.DiffersFromConfluentsOwn && Confluent.Kafka.Library.IsLoaded)
            {
                throw new InvalidOperationException(
                    "Confluent.Kafka was used before Streams could choose its librdkafka, so that two copies of it would be loaded. "
                    + "Call LibRdKafka.EnsureLoaded() first thing in the program.");
            }
            LibRdKafkaFile found = search.Find(name => NativeLibrary.Load(name, confluent, null), VersionOf);
            Redirect(confluent, found.Handle);
            Redirect(typeof(LibRdKafka).Assembly, found.Handle);
            Volatile.Write(ref loaded, found);
            return found;
        }
    }

    private static void Redirect(Assembly assembly, nint handle)
    {
        // Confluent.Kafka asks for librdkafka, alpine-librdkafka or centos8-librdkafka, depending on the machine.
        try
        {
            NativeLibrary.SetDllImportResolver(assembly, (name, _, _) =>
                name.EndsWith(Name, StringComparison.Ordinal) ? handle : nint.Zero);
        }
        catch (InvalidOperationException e)
        {
            throw new InvalidOperationException(
                $"Another part of this program already decides which native libraries {assembly.GetName().Name} loads "
                + $"(NativeLibrary.SetDllImportResolver). Remove that, and name the librdkafka to use in {PathVariable}.", e);
        }
    }

    /// <summary>Asks a loaded library for its version, by its exports: our declared calls are not bound to it yet.</summary>
    private static unsafe (long Number, string Text) VersionOf(nint handle)
    {
        var number = (delegate* unmanaged[Cdecl]<int>)NativeLibrary.GetExport(handle, "rd_kafka_version");
        var text = (delegate* unmanaged[Cdecl]<nint>)NativeLibrary.GetExport(handle, "rd_kafka_version_str");
        return (number(), Marshal.PtrToStringUTF8(text()) ?? "unknown");
    }
}
