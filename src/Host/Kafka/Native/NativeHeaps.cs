using System.Runtime.InteropServices;

namespace Streams.Hosting.Kafka.Native;

/// <summary>
/// How many heaps the C library keeps for librdkafka. It allocates a record on the thread that reads from the broker, and it is freed
/// on another: what is free in one heap is of no use to the others, so with the usual eight heaps per processor each grows to
/// the size of what is in flight.
/// </summary>
internal static partial class NativeHeaps
{
    /// <summary><c>M_ARENA_MAX</c> of glibc's <c>malloc.h</c>.</summary>
    private const int ArenaMax = -8;

    /// <summary>One heap per processor, unless the environment says how many.</summary>
    public static void Limit()
    {
        if (!OperatingSystem.IsLinux() || Has("MALLOC_ARENA_MAX") || Has("GLIBC_TUNABLES"))
        {
            return;
        }

        try
        {
            _ = mallopt(ArenaMax, Math.Max(2, Environment.ProcessorCount));
        }
        catch (Exception e) when (e is DllNotFoundException or EntryPointNotFoundException)
        {
            // Another C library, with heaps of its own kind.
        }
    }

    private static bool Has(string variable) => !string.IsNullOrEmpty(Environment.GetEnvironmentVariable(variable));

    [LibraryImport("libc.so.6")]
    private static partial int mallopt(int parameter, int value);
}
