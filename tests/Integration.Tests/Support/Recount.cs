using System.Text.Json;
using TestKit;

namespace Integration.Tests.Support;

/// <summary>
/// What the job must have written, computed anew from the records of its input: with a general JSON parser, one record after
/// the other, and nothing of the app's or the engine's code.
/// </summary>
internal sealed class Recount
{
    private static readonly TimeSpan _window = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan _grace = TimeSpan.FromMinutes(1);

    private Recount(IReadOnlyList<ErrorRow> errors, IReadOnlyDictionary<(DateTime, string, int), long> counts, IReadOnlyList<TestRecord> errorRecords, int late)
    {
        Errors = errors;
        Counts = counts;
        ErrorRecords = errorRecords;
        Late = late;
    }

    public IReadOnlyList<ErrorRow> Errors { get; }

    public IReadOnlyDictionary<(DateTime WindowStart, string Path, int Status), long> Counts { get; }

    /// <summary>The input records that are errors.</summary>
    public IReadOnlyList<TestRecord> ErrorRecords { get; }

    /// <summary>How many errors came after their window had closed.</summary>
    public int Late { get; }

    /// <param name="input">The records of the input topic.</param>
    /// <param name="bad">Which of them are no clicks, by partition and offset.</param>
    public static Recount Of(IEnumerable<TestRecord> input, IReadOnlySet<(int Partition, long Offset)>? bad = null)
    {
        var errors = new List<ErrorRow>();
        var records = new List<TestRecord>();
        var counts = new Dictionary<(DateTime, string, int), long>();
        var late = 0;
        foreach (var partition in input.GroupBy(r => r.Partition))
        {
            var streamTime = DateTime.MinValue;
            foreach (var record in partition.OrderBy(r => r.Offset))
            {
                if (bad?.Contains((record.Partition, record.Offset)) == true)
                {
                    continue;
                }

                var row = Row(record);
                streamTime = row.Time > streamTime ? row.Time : streamTime;
                if (row.Status < 400)
                {
                    continue;
                }

                errors.Add(row);
                records.Add(record);
                var start = new DateTime(row.Time.Ticks - (row.Time.Ticks % _window.Ticks), DateTimeKind.Utc);
                if (streamTime - start >= _window + _grace)
                {
                    late++;
                    continue;
                }

                var key = (start, row.Path, row.Status);
                counts[key] = counts.GetValueOrDefault(key) + 1;
            }
        }

        return new Recount(errors, counts, records, late);
    }

    /// <summary>What sessions are made of.</summary>
    public static (string Path, DateTime Time) PathAndTime(TestRecord record)
    {
        var row = Row(record);
        return (row.Path, row.Time);
    }

    private static ErrorRow Row(TestRecord record)
    {
        using var json = JsonDocument.Parse(record.Value);
        var click = json.RootElement;
        var time = !click.TryGetProperty("time", out var written) ? record.Timestamp.UtcDateTime
            : written.ValueKind == JsonValueKind.Number ? DateTime.UnixEpoch.AddMilliseconds(written.GetInt64())
            : written.GetDateTimeOffset().UtcDateTime;
        long? user = click.TryGetProperty("user_id", out var id) && id.ValueKind == JsonValueKind.Number ? id.GetInt64() : null;
        return new ErrorRow(
            record.Topic, record.Partition, record.Offset, time, click.GetProperty("path").GetString()!, click.GetProperty("status").GetInt32(), user);
    }
}
