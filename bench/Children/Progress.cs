using System.Diagnostics;
using System.Globalization;

namespace Streams.Bench.Children;

/// <summary>Tells the parent now and then how far a child has come.</summary>
/// <param name="total">How far it has to go.</param>
internal sealed class Progress(long total)
{
    public const string Prefix = "progress ";

    private static readonly TimeSpan Interval = TimeSpan.FromMilliseconds(500);
    private long _last = Stopwatch.GetTimestamp();

    public void Report(long done)
    {
        if (Stopwatch.GetElapsedTime(_last) >= Interval)
        {
            _last = Stopwatch.GetTimestamp();
            Console.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{Prefix}{(double)done / total:F4}"));
        }
    }
}
