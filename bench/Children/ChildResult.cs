using System.Text.Json;
using Streams.Bench.Input;
using Streams.Bench.Measuring;

namespace Streams.Bench.Children;

/// <summary>What a child tells at its end.</summary>
internal sealed record ChildResult
{
    public const string Prefix = "result ";

    /// <summary>From the first record to the last one.</summary>
    public Stretch All { get; init; }

    /// <summary>The second half of it: by then the runtime has compiled the hot code to its best.</summary>
    public Stretch Warm { get; init; }

    public double PeakMegabytes { get; init; }

    /// <summary>For the loader.</summary>
    public InputFacts? Facts { get; init; }

    /// <summary>For a node: records that came too late, and dead letters; there must be none.</summary>
    public long Refused { get; init; }

    public string ToLine() => Prefix + JsonSerializer.Serialize(this);

    public static ChildResult FromLine(string line) => JsonSerializer.Deserialize<ChildResult>(line[Prefix.Length..])!;

    /// <summary>What was used in all, and in the second half.</summary>
    public static ChildResult Of(Usage start, Usage middle, Usage end) =>
        new() { All = end.Since(start), Warm = end.Since(middle), PeakMegabytes = ProcessFacts.PeakMegabytes() };
}
