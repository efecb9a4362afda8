using Streams.Processors;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>The main job's topology, small: errors as rows, and their counts per path, status and minute.</summary>
internal static class Clicks
{
    public static readonly DateTime Start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    public sealed record Click(string Path, int Status, long? UserId);

    public readonly record struct ErrorKey(string Path, int Status);

    public static Topology Topology(string? schema = null)
    {
        var builder = new StreamBuilder();
        var errors = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Click>()).Filter(click => click.Status >= 400);
        errors.ToTable("errors", table =>
        {
            table.WithRawValue("click");
            if (schema is not null)
            {
                table.InSchema(schema);
            }
        });
        errors.GroupBy(click => new ErrorKey(click.Path, click.Status))
            .WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1)))
            .Count("n").ToTable("error_counts", schema).ToTopic("error-counts");
        return builder.Build();
    }

    public static string Json(string path, int status, long? user = null) =>
        $$"""{"path": "{{path}}", "status": {{status}}{{(user is { } id ? $", \"userId\": {id}" : "")}}}""";
}
