using Streams.Processors;

namespace Streams.Tests;

internal sealed record Click(string Path, int Status);

internal readonly record struct ErrorKey(string Path, int Status);

/// <summary>Topologies that several tests look at.</summary>
internal static class Samples
{
    public static StreamBuilder Clickstream()
    {
        var builder = new StreamBuilder();
        var errors = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Click>()).Filter(click => click.Status >= 400);
        errors.To("errors");
        errors.ToTable("errors", table => table.WithRawValue("click"));
        errors.GroupBy(click => new ErrorKey(click.Path, click.Status))
            .WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1)))
            .Count("n").ToTable("error_counts").ToTopic("error-counts");
        return builder;
    }

    /// <summary>Two sources that meet, one of them by two branches; and a part of its own.</summary>
    public static StreamBuilder MergeAndBranch()
    {
        var builder = new StreamBuilder();
        var web = builder.Stream("web", Codecs.Utf8, Codecs.Utf8, name: "web");
        var mobile = builder.Stream("mobile", Codecs.Utf8, Codecs.Utf8);
        var branches = web.Branch(v => v.Length > 3, _ => true);
        mobile.Merge(branches[0], branches[1].MapValues(v => v.ToUpperInvariant(), "upper")).To("all-clicks", valueCodec: Codecs.Utf8, name: "everything");
        builder.Stream("audit", Codecs.Utf8, Codecs.Utf8).Peek((_, _) => { });
        return builder;
    }
}
