using System.Globalization;
using System.Text;
using Chaos.Tests.Disturbances;

namespace Chaos.Tests;

/// <summary>What happened in a run, and what is wrong.</summary>
internal sealed class Report
{
    private readonly Lock _lock = new();
    private readonly List<(Step Step, DateTime From, DateTime Until)> _disturbed = [];
    private readonly List<Finding> _findings = [];

    public long Events { get; set; }

    public IReadOnlyList<Takeover> Takeovers { get; set; } = [];

    public (int Fenced, int Lost, int ByGroup) Fences { get; set; }

    /// <summary>Everything that is wrong.</summary>
    public IReadOnlyList<Finding> Wrong => [.. All.Where(f => f.Wrong is not null)];

    /// <summary>How often each kind of disturbance took place.</summary>
    public IReadOnlyDictionary<string, int> Disturbances => _disturbed.CountBy(d => d.Step.Disturbance.Kind).ToDictionary();

    /// <summary>Takeovers that nothing but the kill itself and a change of members could have held up: these are bounded.</summary>
    public IReadOnlyList<Takeover> Undisturbed => [.. Takeovers.Where(t => !_disturbed.Exists(d => HoldsUp(d.Step.Disturbance, d.From, d.Until, t)))];

    private IEnumerable<Finding> All => _findings.Append(new Finding(
        $"takeover within session timeout + 10 s = {ChaosOptions.TakeoverBound.TotalSeconds:0} s",
        Longest(Undisturbed) > ChaosOptions.TakeoverBound ? $"one took {Longest(Undisturbed)?.TotalSeconds:0.0} s" : null));

    public void Add(params IReadOnlyList<Finding> findings)
    {
        lock (_lock)
        {
            _findings.AddRange(findings);
        }
    }

    public void Disturbed(Step step, DateTime from, DateTime until, Finding finding)
    {
        lock (_lock)
        {
            _disturbed.Add((step, from, until));
            if (finding.Wrong is not null)
            {
                _findings.Add(finding);
            }
        }
    }

    public override string ToString()
    {
        var text = new StringBuilder();
        Line("events", Text(Events));
        foreach (var (kind, count) in Disturbances.OrderBy(d => d.Key, StringComparer.Ordinal))
        {
            Line(kind, Text(count));
        }

        Line("fenced off by Postgres", $"{Fences.Fenced} partitions");
        Line("lost to the group", $"{Fences.Lost} partitions");
        Line("refused by the group", $"{Fences.ByGroup} commits");
        Line("takeovers", $"{Takeovers.Count}, the longest {Seconds(Takeovers)}");
        Line("  with nothing else wrong", $"{Undisturbed.Count}, the longest {Seconds(Undisturbed)}");
        foreach (var finding in All)
        {
            text.AppendLine(CultureInfo.InvariantCulture, $"  {(finding.Wrong is null ? "ok   " : "WRONG")}  {finding.What}");
            if (finding.Wrong is { } wrong)
            {
                text.AppendLine(wrong);
            }
        }

        text.Append(Wrong.Count == 0 ? "Exactly once." : $"{Wrong.Count} WRONG.");
        return text.ToString();

        void Line(string name, string value) => text.AppendLine(CultureInfo.InvariantCulture, $"  {name,-26}{value}");
    }

    private static bool HoldsUp(IDisturbance disturbance, DateTime from, DateTime until, Takeover takeover) =>
        disturbance is not ChangeMembers
        && from <= takeover.Until && takeover.At <= until
        && !ReferenceEquals(disturbance, takeover.Kill);

    private static TimeSpan? Longest(IReadOnlyList<Takeover> takeovers) => takeovers.Count == 0 ? null : takeovers.Max(t => t.Took);

    private static string Seconds(IReadOnlyList<Takeover> takeovers) => Longest(takeovers) is { } longest ? $"{longest.TotalSeconds:0.0} s" : "-";

    private static string Text(long number) => number.ToString(CultureInfo.InvariantCulture);
}
