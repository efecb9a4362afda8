using System.Globalization;
using Streams.Processors;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>A topology with every way to merge, and a table that keeps the last row of each key.</summary>
internal static class Merges
{
    public sealed record Sample(string Name, long Big, double Real, decimal Exact, DateTime At);

    public static Topology Topology()
    {
        var builder = new StreamBuilder();
        var samples = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Sample>());
        samples.GroupBy(s => s.Name, "name")
            .Count("n").Sum(s => s.Big, "big").Sum(s => s.Exact, "exact")
            .Min(s => s.Big, "least").Max(s => s.Big, "greatest").Min(s => s.Real, "least_real").Max(s => s.Real, "greatest_real")
            .Average(s => s.Real, "mean")
            .ToTable("totals").ToTopic("totals");
        samples.GroupBy(s => s.At, "at").Count("n").ToTable("times");
        samples.ToTable("latest", table => table.Key("name", s => s.Name).Column("big", s => s.Big).Column("exact", s => s.Exact).Column("at", s => s.At));
        return builder.Build();
    }

    public static string Json(string name, long big, double real = 0, decimal exact = 0, string at = "2026-01-01T00:00:00Z") => string.Create(
        CultureInfo.InvariantCulture,
        $$"""{"name": "{{name}}", "big": {{big}}, "real": {{(double.IsNaN(real) ? "\"NaN\"" : real.ToString("R", CultureInfo.InvariantCulture))}}, "exact": {{exact}}, "at": "{{at}}"}""");
}
