using System.Globalization;

namespace Simulation.Tests.Machine;

/// <summary>What happened, in words: the last lines to read, and a sum over all of them to compare two runs by.</summary>
internal sealed class Trace(Func<TimeSpan> now)
{
    private const int LinesKept = 400;
    private readonly Queue<string> _last = new(LinesKept);

    /// <summary>FNV-1a over all lines.</summary>
    public ulong Sum { get; private set; } = 14695981039346656037;

    public long Count { get; private set; }

    /// <summary>Gets every line, as it comes; for one who wants to read them all.</summary>
    public Action<string>? Follow { get; set; }

    public IEnumerable<string> Last(int count) => _last.Skip(Math.Max(0, _last.Count - count));

    public void Add(string who, string what)
    {
        var line = string.Create(CultureInfo.InvariantCulture, $"{now().TotalSeconds,10:0.000000} {who,-12} {what}");
        foreach (var c in line)
        {
            Sum = (Sum ^ c) * 1099511628211;
        }

        Count++;
        if (_last.Count == LinesKept)
        {
            _last.Dequeue();
        }

        _last.Enqueue(line);
        Follow?.Invoke(line);
    }
}
