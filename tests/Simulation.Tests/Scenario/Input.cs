using System.Buffers;
using System.Globalization;
using System.Text;
using Streams;
using Streams.Processors;

namespace Simulation.Tests.Scenario;

/// <summary>An event of the input: <c>path|status|milliseconds</c>. Anything else cannot be decoded.</summary>
internal sealed record Visit(string Path, int Status, DateTime Time)
{
    /// <summary>The path whose rows the store refuses, as a constraint that a person has added would.</summary>
    public const string RefusedPath = "/refused";

    /// <summary>Its row is refused, so it has no effect but a dead letter.</summary>
    public bool IsRefused => Path == RefusedPath && Status >= SimulatedTopology.FirstErrorStatus;

    public static Visit? Parse(string text)
    {
        var parts = text.Split('|');
        return parts.Length == 3
            && int.TryParse(parts[1], NumberStyles.None, CultureInfo.InvariantCulture, out var status)
            && long.TryParse(parts[2], NumberStyles.None, CultureInfo.InvariantCulture, out var ms)
            ? new Visit(parts[0], status, DateTime.UnixEpoch.AddMilliseconds(ms))
            : null;
    }

    public override string ToString() =>
        string.Create(CultureInfo.InvariantCulture, $"{Path}|{Status}|{(Time - DateTime.UnixEpoch).Ticks / TimeSpan.TicksPerMillisecond}");
}

/// <summary>Reads and writes <see cref="Visit"/>s.</summary>
internal sealed class VisitCodec : ICodec<Visit>
{
    public string Name => "visit";

    public Visit Decode(ReadOnlySpan<byte> bytes) =>
        Visit.Parse(Encoding.UTF8.GetString(bytes)) ?? throw new CodecException("This is no visit.");

    public void Encode(Visit value, IBufferWriter<byte> output) => output.Write(Encoding.UTF8.GetBytes(value.ToString()));
}

/// <summary>
/// The topology that is simulated, with all that a cycle can hold: forwarded records, rows that are appended, windowed counts
/// with a changelog, late records, totals that all nodes add to, sessions that they make together, a state per user that depends
/// on the order of records, and errors that are partitioned anew, by their path.
/// </summary>
internal static class SimulatedTopology
{
    public const string Visits = "visits";
    public const string Errors = "errors";
    public const string LateErrors = "late-errors";
    public const string ErrorRows = "error_rows";
    public const string ErrorCounts = "error_counts";
    public const string ErrorCountsTopic = "error-counts";
    public const string StatusTotals = "status_totals";
    public const string StatusTotalsTopic = "status-totals";
    public const string Sessions = "sessions";
    public const string SessionsTopic = "session-changes";
    public const string Users = "users";
    public const string UsersTopic = "user-errors";
    public const int FirstErrorStatus = 400;
    public static readonly TimeSpan Window = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan Grace = TimeSpan.FromMinutes(1);
    public static readonly TimeSpan SessionGap = TimeSpan.FromSeconds(15);
    public static readonly TimeSpan SessionGrace = TimeSpan.FromSeconds(30);

    public const string ErrorsByPath = "errors-by-path";
    public const string Paths = "paths";
    public const string PathsTopic = "path-states";
    public const string PathCounts = "path_counts";

    /// <param name="hasRepartition">Whether errors go on by their path; that takes transactions.</param>
    public static Topology Build(bool hasRepartition)
    {
        var builder = new StreamBuilder();
        var visits = builder.Stream(Visits, Codecs.Utf8, new VisitCodec(), visit => visit.Time);
        var errors = visits.Filter(visit => visit.Status >= FirstErrorStatus);
        errors.To(Errors);
        errors.ToTable(ErrorRows, table => table.Column("path", visit => visit.Path).Column("status", visit => visit.Status));
        var minutes = errors.GroupBy(visit => new VisitKey(visit.Path, visit.Status)).WindowedBy(Tumbling.Of(Window).WithGrace(Grace));
        minutes.Count("n").ToTable(ErrorCounts).ToTopic(ErrorCountsTopic);
        minutes.Late().To(LateErrors);
        errors.Fold(Users, () => new User(0, 0), (user, visit) => user.After(visit)).To(UsersTopic);
        visits.GroupBy(visit => visit.Status, "status").Count("n").ToTable(StatusTotals).ToTopic(StatusTotalsTopic);
        visits.GroupBy(visit => new VisitKey(visit.Path, visit.Status))
            .WindowedBy(Streams.Sessions.WithGap(SessionGap).WithGrace(SessionGrace))
            .Count("n")
            .ToTable(Sessions)
            .ToTopic(SessionsTopic);
        if (hasRepartition)
        {
            var byPath = errors.SelectKey(visit => visit.Path).Repartition(ErrorsByPath, Codecs.Utf8);
            byPath.Fold(Paths, () => new User(0, 0), (path, visit) => path.After(visit)).To(PathsTopic);
            byPath.GroupBy(visit => visit.Path, "path").WindowedBy(Tumbling.Of(Window).WithGrace(Grace)).Count("n").ToTable(PathCounts);
        }

        return builder.Build();
    }
}

/// <summary>What is kept of a user's errors.</summary>
/// <param name="N">How many there were.</param>
/// <param name="Chain">Made of all of them, in their order.</param>
internal sealed record User(int N, uint Chain)
{
    public User After(Visit visit) => new(N + 1, (Chain * 31) + (uint)(visit.Time.Ticks / TimeSpan.TicksPerMillisecond) + (uint)visit.Status);
}

/// <summary>What errors are counted by.</summary>
internal readonly record struct VisitKey(string Path, int Status);
