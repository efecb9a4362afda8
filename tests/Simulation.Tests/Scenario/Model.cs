using System.Globalization;
using System.Text;
using Streams.Hosting;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Simulation.Tests.Scenario;

/// <summary>
/// What must be there in the end: the input counted again, by hand, against the tables, the topics as a consumer of committed
/// records sees them, and the offsets.
/// </summary>
internal sealed class Model(World world)
{
    private readonly SortedDictionary<(TopicPartition Partition, long Offset), (LogRecord Record, Visit Visit)> _errors = [];
    private readonly SortedDictionary<(TopicPartition Partition, long Offset), LogRecord> _failed = [];
    private readonly SortedDictionary<string, long> _errorCounts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _statusTotals = new(StringComparer.Ordinal);

    /// <exception cref="WrongException">Something differs.</exception>
    public void Check()
    {
        Recount();
        CheckRows();
        CheckDeadLetters();
        CheckTotals(SimulatedTopology.ErrorCounts, SimulatedTopology.ErrorCountsTopic, _errorCounts);
        CheckTotals(SimulatedTopology.StatusTotals, SimulatedTopology.StatusTotalsTopic, _statusTotals);
        CheckForwarded();
        CheckOffsets();
    }

    private static string Text(object? value) => value switch
    {
        DateTime time => time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value}"),
    };

    private static string Text(byte[]? bytes) => bytes is null ? "null" : Encoding.UTF8.GetString(bytes);

    private static void Fail(string what, IEnumerable<string> missing, IEnumerable<string> extra) => throw new WrongException(
        $"{what}: missing {string.Join("; ", missing.Take(5).DefaultIfEmpty("nothing"))}; too much {string.Join("; ", extra.Take(5).DefaultIfEmpty("nothing"))}.");

    /// <summary>Compares as sets that may hold a thing several times.</summary>
    private static void Compare(string what, IEnumerable<string> expected, IEnumerable<string> actual)
    {
        var left = expected.CountBy(e => e).ToDictionary();
        foreach (var one in actual)
        {
            left[one] = left.GetValueOrDefault(one) - 1;
        }

        if (left.Values.Any(n => n != 0))
        {
            Fail(what, left.Where(l => l.Value > 0).Select(l => l.Key), left.Where(l => l.Value < 0).Select(l => l.Key));
        }
    }

    private void Recount()
    {
        foreach (var partition in world.Cluster.Topics.PartitionsOf(SimulatedTopology.Visits))
        {
            var streamTime = DateTime.MinValue;
            foreach (var record in world.Cluster.Topics.Read(partition, 0, int.MaxValue))
            {
                if (Visit.Parse(Text(record.Value)) is not { IsRefused: false } visit)
                {
                    _failed.Add((partition, record.Offset), record);
                    continue;
                }

                streamTime = visit.Time > streamTime ? visit.Time : streamTime;
                Add(_statusTotals, Text(visit.Status));
                if (visit.Status >= SimulatedTopology.FirstErrorStatus)
                {
                    _errors.Add((partition, record.Offset), (record, visit));
                    var start = new DateTime(visit.Time.Ticks - (visit.Time.Ticks % SimulatedTopology.Window.Ticks), DateTimeKind.Utc);
                    if (start + SimulatedTopology.Window + SimulatedTopology.Grace > streamTime)
                    {
                        Add(_errorCounts, $"{Text(start)} {visit.Path} {Text(visit.Status)}");
                    }
                }
            }
        }

        static void Add(SortedDictionary<string, long> counts, string key) => counts[key] = counts.GetValueOrDefault(key) + 1;
    }

    private void CheckRows() => Compare(
        "The table of errors",
        _errors.Select(e => $"{e.Key.Partition}@{e.Key.Offset} {e.Value.Visit.Path} {e.Value.Visit.Status}"),
        Rows(SimulatedTopology.ErrorRows, row => $"{row["topic"]}-{row["partition"]}@{row["offset"]} {row["path"]} {row["status"]}"));

    private void CheckDeadLetters() => Compare(
        "The dead letters",
        _failed.Select(u => $"{u.Key.Partition}@{u.Key.Offset} {Text(u.Value.Value)}"),
        world.Database.DeadLetters.Values.Select(l => $"{l.Partition}@{l.Offset} {Text(l.Value)}"));

    private void CheckTotals(string table, string topic, SortedDictionary<string, long> expected)
    {
        var keys = world.Database.Table(table).Schema.KeyColumns.Select(c => c.Name).ToList();
        var totals = expected.Select(e => $"{e.Key}: {e.Value}").ToList();
        Compare($"The table {table}", totals, Rows(table, row => $"{string.Join(" ", keys.Select(k => row[k]))}: {row["n"]}"));

        // The last value of each key in the changelog is its total, as the row would be written.
        using var bytes = new ByteBuffer();
        using var json = new RowJson();
        var source = world.Database.Table(table);
        using var rows = Store.Write.ToBuffer(source.Schema, source.Rows.Values);
        var expectedLast = Enumerable.Range(0, rows.Count).Select(row => $"{Written(json.WriteKey, row)} = {Written(json.WriteValue, row)}").ToList();
        var sent = world.Cluster.Topics.ReadCommitted(topic).Select(r => (Key: Text(r.Record.Key), Value: Text(r.Record.Value))).ToList();
        if (world.Settings.Guarantee == Guarantee.AtLeastOnce)
        {
            // Nothing fences a producer without transactions: a node that stood still may send an old total after the last one.
            Compare($"The totals in {topic}, at least once", expectedLast, expectedLast.Intersect(sent.Select(s => $"{s.Key} = {s.Value}")));
            return;
        }

        Compare($"The last values in {topic}", expectedLast, sent.GroupBy(s => s.Key).Select(g => $"{g.Key} = {g.Last().Value}"));

        string Written(Action<RowBuffer, int, ByteBuffer> write, int row)
        {
            bytes.Truncate(0);
            write(rows, row, bytes);
            return Encoding.UTF8.GetString(bytes.Written);
        }
    }

    private void CheckForwarded()
    {
        var expected = _errors.Select(e => Forwarded(e.Value.Record, $"{e.Key.Partition}@{e.Key.Offset}"));
        var sent = world.Cluster.Topics.ReadCommitted(SimulatedTopology.Errors).ToList();
        var actual = sent.Select(s => Forwarded(s.Record, Origin(s.Record)));
        if (world.Settings.Guarantee == Guarantee.AtLeastOnce)
        {
            Compare("The forwarded records, at least once", expected, actual.Distinct());
            return;
        }

        Compare("The forwarded records", expected, actual);
        var last = new Dictionary<(TopicPartition To, string From), long>();
        foreach (var (partition, record) in sent)
        {
            var origin = Origin(record).Split('@');
            var offset = long.Parse(origin[1], CultureInfo.InvariantCulture);
            if (last.TryGetValue((partition, origin[0]), out var before) && before >= offset)
            {
                throw new WrongException($"{partition} has {origin[0]}@{offset} after {origin[0]}@{before}: out of order.");
            }

            last[(partition, origin[0])] = offset;
        }

        static string Origin(LogRecord record) => Text(record.Headers.Single(h => h.Key == ToOperator.OriginHeader).Value);

        static string Forwarded(LogRecord record, string origin) => $"{origin} {Text(record.Key)} {Text(record.Value)} {record.TimestampMs}";
    }

    private void CheckOffsets()
    {
        var topics = world.Cluster.Topics;
        var ends = topics.PartitionsOf(SimulatedTopology.Visits).Where(p => topics.EndOf(p) > 0).Select(p => $"{p} at {topics.EndOf(p)}").ToList();
        Compare("The offsets in the store", ends, world.Database.Partitions.Where(p => p.Value.NextOffset is not null).Select(p => $"{p.Key} at {p.Value.NextOffset}"));
        if (world.Settings.Guarantee == Guarantee.ExactlyOnce)
        {
            Compare("The group's offsets", ends, world.Cluster.Offsets.Committed.Select(c => $"{c.Key} at {c.Value.Offset}"));
        }
    }

    private IEnumerable<string> Rows(string table, Func<Dictionary<string, string>, string> text)
    {
        var source = world.Database.Table(table);
        return source.Rows.Values.Select(row => text(source.Schema.Columns.Zip(row).ToDictionary(p => p.First.Name, p => Text(p.Second))));
    }
}
