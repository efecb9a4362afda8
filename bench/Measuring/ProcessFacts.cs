using System.Diagnostics;
using System.Globalization;

namespace Streams.Bench.Measuring;

/// <summary>What the system knows of processes.</summary>
internal static class ProcessFacts
{
    private const double BytesPerMegabyte = 1024 * 1024;

    /// <summary>The most memory a process has held at one time, in MB of 1,048,576 bytes; where the system does not say, what it holds now.</summary>
    public static double PeakMegabytes(int? process = null)
    {
        var status = process is { } id ? $"/proc/{id.ToString(CultureInfo.InvariantCulture)}/status" : "/proc/self/status";
        if (!File.Exists(status))
        {
            using var other = process is null ? Process.GetCurrentProcess() : Process.GetProcessById(process.Value);
            return other.WorkingSet64 / BytesPerMegabyte;
        }

        // "VmHWM:    123456 kB"
        var line = File.ReadLines(status).First(line => line.StartsWith("VmHWM:", StringComparison.Ordinal));
        return long.Parse(line.Split(' ', StringSplitOptions.RemoveEmptyEntries)[1], CultureInfo.InvariantCulture) / 1024.0;
    }

    /// <summary>Processor time of another process so far, to a hundredth of a second.</summary>
    public static TimeSpan Cpu(int process)
    {
        using var other = Process.GetProcessById(process);
        return other.TotalProcessorTime;
    }
}
