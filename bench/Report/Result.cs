using System.Text.Json.Nodes;

namespace Streams.Bench.Report;

/// <summary>One benchmark's numbers. What a benchmark does not have is <c>null</c>.</summary>
internal sealed record Result
{
    public required string Name { get; init; }

    /// <summary>Events (clicks) per second; of <c>copy-limit</c>, rows.</summary>
    public double? EventsPerSecond { get; init; }

    /// <summary>Processor time of the measured process per event, in microseconds.</summary>
    public double? CpuMicrosecondsPerEvent { get; init; }

    /// <summary>Bytes allocated on the managed heap per event.</summary>
    public double? BytesPerEvent { get; init; }

    /// <summary>The most memory the process held, in MB of 1,048,576 bytes.</summary>
    public double? PeakRssMegabytes { get; init; }

    /// <summary>Events per second, as a share of the limit's in the same run.</summary>
    public double? RatioToLimit { get; init; }

    /// <summary>What only this kind of benchmark has, by JSON name.</summary>
    public IReadOnlyList<KeyValuePair<string, double>> Further { get; init; } = [];

    /// <summary>What stands in the table beside the numbers.</summary>
    public string Note { get; init; } = "";

    /// <param name="kafka">Which Kafka it was measured with.</param>
    public JsonObject ToJson(string kafka)
    {
        var json = new JsonObject
        {
            ["name"] = Name,
            ["events_per_s"] = Rounded(EventsPerSecond, 0),
            ["cpu_us_per_event"] = Rounded(CpuMicrosecondsPerEvent, 4),
            ["bytes_per_event"] = Rounded(BytesPerEvent, 2),
            ["peak_rss_mb"] = Rounded(PeakRssMegabytes, 1),
            ["ratio_to_limit"] = Rounded(RatioToLimit, 4),
        };
        json["kafka"] = kafka;
        foreach (var (name, value) in Further)
        {
            json[name] = Rounded(value, 4);
        }

        return json;
    }

    // Of a run so short that nothing was counted, there is no number per event.
    private static double? Rounded(double? value, int digits) => value is { } number && double.IsFinite(number) ? Math.Round(number, digits) : null;
}
