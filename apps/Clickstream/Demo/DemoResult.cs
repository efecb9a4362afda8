using System.Globalization;
using System.Text;
using System.Text.Json;

namespace Clickstream;

/// <summary>One count that must equal another.</summary>
/// <param name="What">What was counted, and where.</param>
/// <param name="Expected">What the traffic demands.</param>
/// <param name="Actual">What is there.</param>
internal sealed record Comparison(string What, long Expected, long Actual)
{
    public bool Agrees => Expected == Actual;
}

/// <summary>What was sent, what came out of it, and whether the two agree.</summary>
internal sealed record DemoResult
{
    /// <summary>How long there was traffic.</summary>
    public required TimeSpan Elapsed { get; init; }

    /// <summary>Clicks that Kafka has confirmed.</summary>
    public required long ClicksSent { get; init; }

    /// <summary>Clicks that could not be delivered, or of which nobody knows.</summary>
    public required long ClicksFailed { get; init; }

    /// <summary>Errors among the clicks, as counted by who sent them.</summary>
    public required long ErrorsSent { get; init; }

    /// <summary>Dead letters that would have been errors.</summary>
    public required long DeadErrors { get; init; }

    /// <summary>Errors that came too late to be counted.</summary>
    public required long Late { get; init; }

    /// <summary>What the tables hold.</summary>
    public required TableCounts Tables { get; init; }

    /// <summary>Records in the topic of errors, each origin once.</summary>
    public required long TopicErrors { get; init; }

    /// <summary>Records there that repeat another's origin.</summary>
    public required long TopicDuplicates { get; init; }

    /// <summary>The sum over the last count of each key in the changelog topic.</summary>
    public required long TopicCounted { get; init; }

    /// <summary>The median time from a click's arrival in Kafka to its commit.</summary>
    public TimeSpan? LatencyMedian { get; init; }

    /// <summary>The time that 99 of 100 stay below.</summary>
    public TimeSpan? Latency99 { get; init; }

    /// <summary>What must be equal.</summary>
    public IReadOnlyList<Comparison> Comparisons(ClickstreamNames names)
    {
        var errors = ErrorsSent - DeadErrors;
        var counted = errors - Late;
        return
        [
            new("clicks committed", ClicksSent, Tables.Committed),
            new($"records in topic {names.ErrorsTopic}", errors, TopicErrors),
            new($"rows in table {names.ErrorsTable}", errors, Tables.ErrorRows),
            new($"sum(n) in table {names.CountsTable}", counted, Tables.Counted),
            new($"the same in topic {names.CountsTopic}", counted, TopicCounted),
        ];
    }

    /// <summary>Whether everything is where it must be, once.</summary>
    public bool Agrees(ClickstreamNames names) => ClicksFailed == 0 && Comparisons(names).All(c => c.Agrees);

    /// <summary>For people.</summary>
    public string Text(ClickstreamNames names)
    {
        var text = new StringBuilder();
        var seconds = Math.Max(Elapsed.TotalSeconds, 0.001);
        text.AppendLine(Invariant($"{ClicksSent:N0} clicks sent in {seconds:N1} s ({ClicksSent / seconds:N0}/s), {ErrorsSent:N0} of them errors."));
        if (LatencyMedian is { } median && Latency99 is { } high)
        {
            text.AppendLine(Invariant($"From Kafka to the commit: {median.TotalMilliseconds:N0} ms (median), {high.TotalMilliseconds:N0} ms (p99)."));
        }

        if (DeadErrors + Late + TopicDuplicates > 0)
        {
            text.AppendLine(Invariant($"{DeadErrors:N0} errors are dead letters, {Late:N0} came late, {TopicDuplicates:N0} records repeat one of an aborted transaction."));
        }

        text.AppendLine();
        foreach (var c in Comparisons(names))
        {
            text.AppendLine(Invariant($"  {c.What,-32} {c.Actual,12:N0}  {(c.Agrees ? "ok" : Difference(c))}"));
        }

        text.AppendLine();
        text.Append(Agrees(names) ? "Everything agrees: nothing is missing, and nothing counts twice."
            : ClicksFailed > 0 ? Invariant($"{ClicksFailed:N0} clicks were not confirmed by Kafka, so what must be there is not known.")
            : "What was sent and what came out do not agree.");
        return text.ToString();
    }

    /// <summary>For programs.</summary>
    public string Json(ClickstreamNames names, string? failure, IReadOnlyCollection<string> warnings) => JsonSerializer.Serialize(new
    {
        agrees = failure is null && Agrees(names),
        seconds = Math.Round(Elapsed.TotalSeconds, 3),
        clicks_sent = ClicksSent,
        clicks_failed = ClicksFailed,
        clicks_committed = Tables.Committed,
        errors_sent = ErrorsSent,
        errors_in_topic = TopicErrors,
        errors_in_table = Tables.ErrorRows,
        errors_counted = Tables.Counted,
        errors_counted_in_topic = TopicCounted,
        count_rows = Tables.CountRows,
        dead_letters = Tables.DeadLetters,
        late = Late,
        duplicates_in_topic = TopicDuplicates,
        latency_p50_ms = Milliseconds(LatencyMedian),
        latency_p99_ms = Milliseconds(Latency99),
        failure,
        warnings,
    });

    private static string Difference(Comparison c) => c.Actual < c.Expected
        ? Invariant($"{c.Expected - c.Actual:N0} missing of {c.Expected:N0}")
        : Invariant($"{c.Actual - c.Expected:N0} more than {c.Expected:N0}");

    private static double? Milliseconds(TimeSpan? time) => time is { } t ? Math.Round(t.TotalMilliseconds, 1) : null;

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
