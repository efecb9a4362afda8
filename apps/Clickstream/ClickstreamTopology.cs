using Streams;
using Streams.Processors;

namespace Clickstream;

/// <summary>
/// The main job: the errors among the clicks go to a topic and a table, and are counted per path, status and minute into
/// another table, whose changes go to another topic.
/// </summary>
public static class ClickstreamTopology
{
    /// <summary>Statuses from here on are errors.</summary>
    internal const int FirstErrorStatus = 400;

    /// <summary>Declares the job.</summary>
    /// <param name="names">The topics and tables to use.</param>
    public static Topology Build(ClickstreamNames? names = null)
    {
        names ??= new ClickstreamNames();
        var builder = new StreamBuilder();

        var errors = builder
            .Stream(names.Clicks, Codecs.Utf8, new ClickCodec(), click => click.Time)
            .Filter(click => click.Status >= FirstErrorStatus);

        errors.To(names.ErrorsTopic);
        errors.ToTable(names.ErrorsTable, table => table.WithRawValue("click"));
        errors
            .GroupBy(click => new ErrorKey(click.Path, click.Status))
            .WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1)))
            .Count("n")
            .ToTable(names.CountsTable)
            .ToTopic(names.CountsTopic);

        return builder.Build();
    }
}

/// <summary>What errors are counted by: the key columns of the counts.</summary>
public readonly record struct ErrorKey(string Path, int Status);

/// <summary>The names of topics and tables: section <c>Clickstream</c> of the configuration.</summary>
public sealed record ClickstreamNames
{
    /// <summary>The topic to read.</summary>
    public string Clicks { get; init; } = "clickstream";

    /// <summary>The topic that gets the errors as they came.</summary>
    public string ErrorsTopic { get; init; } = "errors";

    /// <summary>The table that gets a row per error.</summary>
    public string ErrorsTable { get; init; } = "errors";

    /// <summary>The table of counts per path, status and minute.</summary>
    public string CountsTable { get; init; } = "error_counts";

    /// <summary>The topic that gets each new count.</summary>
    public string CountsTopic { get; init; } = "error-counts";
}
