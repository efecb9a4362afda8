using System.Text.Json.Serialization;
using Clickstream;
using Streams.Processors;

namespace Streams.Bench.Throughput;

/// <summary>Which topology a node runs.</summary>
internal enum Shape
{
    /// <summary>The main job, as the app has it.</summary>
    Main,

    /// <summary>The errors go to a topic.</summary>
    FilterToTopic,

    /// <summary>The errors go to a table.</summary>
    FilterToTable,

    /// <summary>Bursts of errors: sessions per path and status, to a table and a topic.</summary>
    Sessions,

    /// <summary>Each client's errors folded into a state, to a table and a topic.</summary>
    Fold,

    /// <summary>The same by path, which is not the key: through a topic.</summary>
    Repartition,

    /// <summary>The main job as somebody would write it who has not heard of codecs: a class, and <c>Codecs.FastJson</c>.</summary>
    MainWithPlainClasses,
}

/// <summary>The topologies.</summary>
internal static class Shapes
{
    /// <summary>Errors of popular paths follow each other more closely than this, those of others do not.</summary>
    public static readonly TimeSpan SessionGap = TimeSpan.FromSeconds(1);

    public static Topology Build(Shape shape, ClickstreamNames names)
    {
        var builder = new StreamBuilder();
        switch (shape)
        {
            case Shape.Main:
                return ClickstreamTopology.Build(names);
            case Shape.FilterToTopic:
                Errors(builder, names).To(names.ErrorsTopic);
                break;
            case Shape.FilterToTable:
                Errors(builder, names).ToTable(names.ErrorsTable, table => table.WithRawValue("click"));
                break;
            case Shape.Sessions:
                Errors(builder, names)
                    .GroupBy(click => new ErrorKey(click.Path, click.Status))
                    .WindowedBy(Sessions.WithGap(SessionGap))
                    .Count("n")
                    .ToTable(names.CountsTable)
                    .ToTopic(names.CountsTopic);
                break;
            case Shape.Fold:
                Errors(builder, names)
                    .Fold(names.CountsTable, () => new ClientErrors(0, 0, ""), (errors, click) => errors.And(click), Codecs.FastJson(ClientErrorsJson.Default.ClientErrors))
                    .To(names.ErrorsTopic);
                break;
            case Shape.Repartition:
                Errors(builder, names)
                    .SelectKey(click => click.Path)
                    .Repartition(names.CountsTopic, Codecs.Utf8)
                    .Fold(names.CountsTable, () => new ClientErrors(0, 0, ""), (errors, click) => errors.And(click), Codecs.FastJson(ClientErrorsJson.Default.ClientErrors));
                break;
            case Shape.MainWithPlainClasses:
                MainWithPlainClasses(builder, names);
                break;
            default:
                throw new ArgumentOutOfRangeException(nameof(shape), shape, null);
        }

        return builder.Build();
    }

    private static Stream<string, Click> Errors(StreamBuilder builder, ClickstreamNames names) => builder
        .Stream(names.Clicks, Codecs.Utf8, new ClickCodec(), click => click.Time)
        .Filter(click => click.Status >= ClickstreamTopology.FirstErrorStatus);

    private static void MainWithPlainClasses(StreamBuilder builder, ClickstreamNames names)
    {
        var errors = builder
            .Stream(names.Clicks, Codecs.Utf8, Codecs.FastJson(PlainClickJson.Default.PlainClick), click => click.Time)
            .Filter(click => click.Status >= ClickstreamTopology.FirstErrorStatus);
        errors.To(names.ErrorsTopic);
        errors.ToTable(names.ErrorsTable, table => table.WithRawValue("click"));
        errors
            .GroupBy(click => new ErrorKey(click.Path, click.Status))
            .WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMinutes(1)))
            .Count("n")
            .ToTable(names.CountsTable)
            .ToTopic(names.CountsTopic);
    }
}

/// <summary>A click as an ordinary class.</summary>
internal sealed class PlainClick
{
    public required string Path { get; init; }

    public required int Status { get; init; }

    public long? UserId { get; init; }

    public DateTime? Time { get; init; }
}

/// <summary>What is kept of a client's errors.</summary>
/// <param name="N">How many there were.</param>
/// <param name="Statuses">The sum of their statuses.</param>
/// <param name="LastPath">The path of the last one.</param>
internal sealed record ClientErrors(long N, long Statuses, string LastPath)
{
    public ClientErrors And(Click click) => new(N + 1, Statuses + click.Status, click.Path);
}

/// <summary>Its generated JSON code.</summary>
[JsonSerializable(typeof(ClientErrors))]
internal sealed partial class ClientErrorsJson : JsonSerializerContext;

/// <summary>Its generated JSON code.</summary>
[JsonSourceGenerationOptions(PropertyNamingPolicy = JsonKnownNamingPolicy.SnakeCaseLower)]
[JsonSerializable(typeof(PlainClick))]
internal sealed partial class PlainClickJson : JsonSerializerContext;
