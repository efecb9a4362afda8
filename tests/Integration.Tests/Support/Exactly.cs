using System.Globalization;
using System.Text;
using System.Text.Json;
using TestKit;

namespace Integration.Tests.Support;

/// <summary>Compares what the job has written with a recount of its input, to the row and to the record.</summary>
internal static class Exactly
{
    /// <summary>Tables and topics are exact.</summary>
    /// <param name="job">The job, through with its input.</param>
    /// <param name="bad">Which input records are no clicks.</param>
    public static async Task AllAsync(Job job, IReadOnlySet<(int Partition, long Offset)>? bad = null)
    {
        var recount = Recount.Of(await job.ReadAsync(job.Clicks), bad);
        await TablesAsync(job, recount);
        await ErrorsTopicAsync(job, recount, onceOnly: true);
        await CountsTopicAsync(job, recount);
    }

    /// <summary>
    /// The same where nodes were killed, or lost or aborted their transactions: what a reader sees once of a real Kafka's topic may be
    /// there twice or not at all in the embedded one's, which neither hides nor undoes what belongs to a transaction.
    /// </summary>
    /// <param name="job">The job, through with its input.</param>
    /// <param name="bad">Which input records are no clicks.</param>
    public static async Task AllAfterCrashesAsync(Job job, IReadOnlySet<(int Partition, long Offset)>? bad = null)
    {
        var recount = Recount.Of(await job.ReadAsync(job.Clicks), bad);
        await TablesAsync(job, recount);
        if (job.Kafka.IsReal)
        {
            // Behind a transaction that a dead node left open, readers see nothing until the broker gives it up.
            await Eventually.True(
                async () =>
                {
                    await ErrorsTopicAsync(job, recount, onceOnly: true);
                    await CountsTopicAsync(job, recount);
                    return true;
                },
                Patience.Long,
                "the topics are exact");
        }
    }

    public static async Task TablesAsync(Job job, Recount recount)
    {
        var rows = await job.ErrorRowsAsync();
        Same(recount.Errors, rows, "table errors");
        var counts = await job.CountRowsAsync();
        Same(recount.Counts.Select(c => new CountRow(c.Key.WindowStart, c.Key.Path, c.Key.Status, c.Value)), counts, "table error_counts");
    }

    /// <summary>The errors' topic has the input's errors, byte by byte.</summary>
    /// <param name="job">The job.</param>
    /// <param name="recount">What it must have written.</param>
    /// <param name="onceOnly">Each once; otherwise at least once.</param>
    public static async Task ErrorsTopicAsync(Job job, Recount recount, bool onceOnly)
    {
        var sent = await job.ReadAsync(job.Errors);
        var origins = sent.Select(Origin).ToList();
        Same(
            recount.ErrorRecords.Select(r => string.Create(CultureInfo.InvariantCulture, $"{r.Topic}-{r.Partition}@{r.Offset}")),
            onceOnly ? origins : origins.Distinct(),
            $"topic {job.Errors}, by origin");
        var sources = recount.ErrorRecords.ToDictionary(r => string.Create(CultureInfo.InvariantCulture, $"{r.Topic}-{r.Partition}@{r.Offset}"));
        Assert.All(sent.Zip(origins), pair =>
        {
            var source = sources[pair.Second];
            Assert.Equal(source.Key, pair.First.Key);
            Assert.Equal(source.Value, pair.First.Value);
            Assert.Equal(source.Timestamp, pair.First.Timestamp);
        });
    }

    /// <summary>The last value of each key is its total.</summary>
    public static async Task CountsTopicAsync(Job job, Recount recount)
    {
        var last = new Dictionary<string, CountRow>();
        foreach (var record in await job.ReadAsync(job.Counts))
        {
            var row = Count(record.Value!, withN: true);
            Assert.Equal(row with { N = 0 }, Count(record.Key!, withN: false));
            last[$"{record.Partition} {record.KeyText}"] = row;
        }

        Same(
            recount.Counts.Select(c => new CountRow(c.Key.WindowStart, c.Key.Path, c.Key.Status, c.Value)),
            last.Values,
            $"topic {job.Counts}, the last value of each key");
    }

    /// <summary>The same elements as often, in any order; the failure shows some of those that differ.</summary>
    public static void Same<T>(IEnumerable<T> expected, IEnumerable<T> actual, string what)
        where T : notnull
    {
        var differences = new Dictionary<T, int>();
        var (expectedCount, actualCount) = (0, 0);
        foreach (var item in expected)
        {
            expectedCount++;
            differences[item] = differences.GetValueOrDefault(item) + 1;
        }

        foreach (var item in actual)
        {
            actualCount++;
            differences[item] = differences.GetValueOrDefault(item) - 1;
        }

        var wrong = differences.Where(d => d.Value != 0).ToList();
        Assert.True(wrong.Count == 0, Message());

        string Message()
        {
            var text = new StringBuilder();
            text.Append(CultureInfo.InvariantCulture, $"{what}: {expectedCount} expected, {actualCount} there, {wrong.Count} differ:");
            foreach (var (item, count) in wrong.OrderBy(w => w.Key.ToString(), StringComparer.Ordinal).Take(20))
            {
                text.Append(CultureInfo.InvariantCulture, $"\n  {(count > 0 ? $"missing {count} x" : $"too many by {-count}")}: {item}");
            }

            return text.ToString();
        }
    }

    private static string Origin(TestRecord record) =>
        Encoding.UTF8.GetString(Assert.Single(record.Headers, h => h.Key == "origin").Value!);

    private static CountRow Count(byte[] bytes, bool withN)
    {
        using var json = JsonDocument.Parse(bytes);
        var members = json.RootElement;
        Assert.Equal(withN ? 4 : 3, members.EnumerateObject().Count());
        return new CountRow(
            members.GetProperty("window_start").GetDateTimeOffset().UtcDateTime,
            members.GetProperty("path").GetString()!,
            members.GetProperty("status").GetInt32(),
            withN ? members.GetProperty("n").GetInt64() : 0);
    }
}
