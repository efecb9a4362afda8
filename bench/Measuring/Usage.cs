using System.Diagnostics;
using System.Runtime;
using System.Text.Json.Serialization;

namespace Streams.Bench.Measuring;

/// <summary>What a process has used up to one moment.</summary>
/// <param name="Timestamp">When, by <see cref="Stopwatch"/>.</param>
/// <param name="Cpu">Processor time of all its threads, user and system.</param>
/// <param name="AllocatedBytes">What it has allocated on the managed heap.</param>
/// <param name="Records">How far it had come.</param>
internal readonly record struct Usage(long Timestamp, TimeSpan Cpu, long AllocatedBytes, long Records)
{
    /// <summary>Time that its threads have spent compiling methods; zero where that is not known.</summary>
    public TimeSpan Compiling { get; init; }

    /// <summary>This process, now.</summary>
    public static Usage Now(long records) =>
        new(Stopwatch.GetTimestamp(), Environment.CpuUsage.TotalTime, GC.GetTotalAllocatedBytes(precise: false), records) { Compiling = JitInfo.GetCompilationTime() };

    /// <summary>What was used since an earlier moment.</summary>
    public Stretch Since(Usage earlier) =>
        new(Records - earlier.Records, Stopwatch.GetElapsedTime(earlier.Timestamp, Timestamp), Cpu - earlier.Cpu, AllocatedBytes - earlier.AllocatedBytes)
        {
            Compiling = Compiling - earlier.Compiling,
        };
}

/// <summary>What a process did and used in a span of time.</summary>
internal readonly record struct Stretch(long Records, TimeSpan Elapsed, TimeSpan Cpu, long AllocatedBytes)
{
    /// <summary>Part of <see cref="Cpu"/>, or nearly: the time that threads have spent compiling methods.</summary>
    public TimeSpan Compiling { get; init; }

    [JsonIgnore]
    public double PerSecond => Records / Elapsed.TotalSeconds;

    [JsonIgnore]
    public double CpuMicrosecondsPerRecord => Cpu.TotalMicroseconds / Records;

    [JsonIgnore]
    public double BytesPerRecord => (double)AllocatedBytes / Records;
}
