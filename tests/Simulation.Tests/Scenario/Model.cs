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
    private readonly Dictionary<string, (User User, bool IsReplayed)> _users = [];
    private readonly Dictionary<string, User> _userAt = [];
    private readonly SortedDictionary<(TopicPartition Partition, long Offset), LogRecord> _late = [];
    private readonly SortedDictionary<(TopicPartition Partition, long Offset), LogRecord> _failed = [];
    private readonly SortedSet<(TopicPartition Partition, long Offset)> _replayed = [];
    private readonly SortedDictionary<string, long> _errorCounts = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, long> _statusTotals = new(StringComparer.Ordinal);
    private readonly SortedDictionary<string, List<DateTime>> _sessionTimes = new(StringComparer.Ordinal);

    /// <exception cref="WrongException">Something differs.</exception>
    public void Check()
    {
        Recount();
        CheckRows();
        CheckDeadLetters();
        CheckTotals(SimulatedTopology.ErrorCounts, SimulatedTopology.ErrorCountsTopic, _errorCounts.Select(c => $"{c.Key} {c.Value}"));
        CheckTotals(SimulatedTopology.StatusTotals, SimulatedTopology.StatusTotalsTopic, _statusTotals.Select(c => $"{c.Key} {c.Value}"));
        CheckTotals(SimulatedTopology.Sessions, SimulatedTopology.SessionsTopic, _sessionTimes.SelectMany(s => Sessions(s.Value).Select(text => $"{s.Key} {text}")));
        CheckForwarded(SimulatedTopology.Errors, _errors.Select(e => (e.Key, e.Value.Record)));
        CheckForwarded(SimulatedTopology.LateErrors, _late.Select(l => (l.Key, l.Value)));
        CheckUsers();
        if (world.Settings.Guarantee == Guarantee.ExactlyOnce)
        {
            new RepartitionModel(world).Check(_errors.ToDictionary(e => e.Key, e => e.Value.Record), _errorCounts);
        }

        CheckOffsets();
    }

    public static string Text(object? value) => value switch
    {
        DateTime time => time.ToString("yyyy-MM-dd'T'HH:mm:ss.FFFFFF'Z'", CultureInfo.InvariantCulture),
        _ => string.Create(CultureInfo.InvariantCulture, $"{value}"),
    };

    public static string Text(byte[]? bytes) => bytes is null ? "null" : Encoding.UTF8.GetString(bytes);

    private static void Fail(string what, IEnumerable<string> missing, IEnumerable<string> extra) => throw new WrongException(
        $"{what}: missing {string.Join("; ", missing.Take(5).DefaultIfEmpty("nothing"))}; too much {string.Join("; ", extra.Take(5).DefaultIfEmpty("nothing"))}.");

    /// <summary>Compares as sets that may hold a thing several times.</summary>
    public static void Compare(string what, IEnumerable<string> expected, IEnumerable<string> actual)
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
                var visit = Visit.Parse(Text(record.Value));
                if (visit is null or { IsRefused: true })
                {
                    _failed.Add((partition, record.Offset), record);
                    if (visit is not null && IsReplayed(partition, record.Offset))
                    {
                        // Its time is its own: it is late or not as it was then, and moves no clock.
                        _replayed.Add((partition, record.Offset));
                        Count(partition, record, visit, visit.Time > streamTime ? visit.Time : streamTime);
                    }

                    continue;
                }

                streamTime = visit.Time > streamTime ? visit.Time : streamTime;
                Count(partition, record, visit, streamTime);
            }
        }
    }

    /// <summary>Somebody has mended what it failed for, and then asked for it.</summary>
    private bool IsReplayed(TopicPartition partition, long offset) =>
        world.Database.Mended.Contains((partition, offset)) && world.Database.Letters.Rows.GetValueOrDefault((partition, offset)) is { Requests: > 0 };

    private void Count(TopicPartition partition, LogRecord record, Visit visit, DateTime streamTime)
    {
        Add(_statusTotals, Text(visit.Status));
        if (streamTime - visit.Time <= SimulatedTopology.SessionGap + SimulatedTopology.SessionGrace)
        {
            var group = $"{visit.Path} {Text(visit.Status)}";
            _sessionTimes.TryAdd(group, []);
            _sessionTimes[group].Add(visit.Time);
        }

        if (visit.Status >= SimulatedTopology.FirstErrorStatus)
        {
            _errors.Add((partition, record.Offset), (record, visit));
            Fold(partition, record, visit);
            var start = new DateTime(visit.Time.Ticks - (visit.Time.Ticks % SimulatedTopology.Window.Ticks), DateTimeKind.Utc);
            if (start + SimulatedTopology.Window + SimulatedTopology.Grace > streamTime)
            {
                Add(_errorCounts, $"{Text(start)} {visit.Path} {Text(visit.Status)}");
            }
            else
            {
                _late.Add((partition, record.Offset), record);
            }
        }

        static void Add(SortedDictionary<string, long> counts, string key) => counts[key] = counts.GetValueOrDefault(key) + 1;
    }

    /// <summary>Where a dead letter was replayed, the order was another one: then only the number is known.</summary>
    private void Fold(TopicPartition partition, LogRecord record, Visit visit)
    {
        var key = $"{partition} {Text(record.Key)}";
        var (user, isReplayed) = _users.GetValueOrDefault(key, (new User(0, 0), false));
        user = user.After(visit);
        _users[key] = (user, isReplayed || _replayed.Contains((partition, record.Offset)));
        _userAt[$"{partition}@{record.Offset}"] = user;
    }

    /// <summary>A group's times, cut where two are further apart than the gap.</summary>
    private static IEnumerable<string> Sessions(IEnumerable<DateTime> unordered)
    {
        var times = unordered.Order().ToList();
        for (int from = 0, i = 1; i <= times.Count; i++)
        {
            if (i == times.Count || times[i] - times[i - 1] > SimulatedTopology.SessionGap)
            {
                yield return $"{Text(times[from])} {Text(times[i - 1])} {i - from}";
                from = i;
            }
        }
    }

    private void CheckRows() => Compare(
        "The table of errors",
        _errors.Select(e => $"{e.Key.Partition}@{e.Key.Offset} {e.Value.Visit.Path} {e.Value.Visit.Status}"),
        Rows(SimulatedTopology.ErrorRows, row => $"{row["topic"]}-{row["partition"]}@{row["offset"]} {row["path"]} {row["status"]}"));

    private void CheckDeadLetters()
    {
        var rows = world.Database.Letters.Rows;
        Compare(
            "The dead letters",
            _failed.Select(f => $"{f.Key.Partition}@{f.Key.Offset} {Text(f.Value.Value)}"),
            rows.Values.Select(r => $"{r.Letter.Partition}@{r.Letter.Offset} {Text(r.Letter.Value)}"));
        Compare(
            "What became of them",
            _failed.Keys.Select(f => Fate(f, _replayed.Contains(f), 1 + (_replayed.Contains(f) ? 0 : rows[f].Requests))),
            rows.Select(r => Fate(r.Key, r.Value.IsReplayed, r.Value.Attempts)));

        static string Fate((TopicPartition Partition, long Offset) at, bool isReplayed, int attempts) =>
            $"{at.Partition}@{at.Offset} failed {attempts} times{(isReplayed ? " and went through" : "")}";
    }

    private void CheckTotals(string table, string topic, IEnumerable<string> expected)
    {
        var columns = world.Database.Table(table).Schema.Columns.Select(c => c.Name).ToList();
        Compare($"The table {table}", expected, Rows(table, row => string.Join(" ", columns.Select(c => row[c]))));

        // The last value of each key in the changelog is its total, as the row would be written; or nothing, if there is no such row any more.
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

        Compare($"The last values in {topic}", expectedLast, sent.GroupBy(s => s.Key).Where(g => g.Last().Value != "null").Select(g => $"{g.Key} = {g.Last().Value}"));

        string Written(Action<RowBuffer, int, ByteBuffer> write, int row)
        {
            bytes.Truncate(0);
            write(rows, row, bytes);
            return Encoding.UTF8.GetString(bytes.Written);
        }
    }

    private void CheckForwarded(string topic, IEnumerable<((TopicPartition Partition, long Offset) At, LogRecord Record)> records)
    {
        var expected = records.Select(r => Forwarded(r.Record, $"{r.At.Partition}@{r.At.Offset}"));
        var sent = world.Cluster.Topics.ReadCommitted(topic).ToList();
        var actual = sent.Select(s => Forwarded(s.Record, Origin(s.Record)));
        if (world.Settings.Guarantee == Guarantee.AtLeastOnce)
        {
            Compare($"The records forwarded to {topic}, at least once", expected, actual.Distinct());
            return;
        }

        Compare($"The records forwarded to {topic}", expected, actual);
        var last = new Dictionary<(TopicPartition To, string From), long>();
        foreach (var (partition, record) in sent)
        {
            var origin = Origin(record).Split('@');
            var offset = long.Parse(origin[1], CultureInfo.InvariantCulture);
            if (_replayed.Any(r => r.Offset == offset && r.Partition.ToString() == origin[0]))
            {
                continue;
            }

            if (last.TryGetValue((partition, origin[0]), out var before) && before >= offset)
            {
                throw new WrongException($"{partition} has {origin[0]}@{offset} after {origin[0]}@{before}: out of order.");
            }

            last[(partition, origin[0])] = offset;
        }

        static string Forwarded(LogRecord record, string origin) => $"{origin} {Text(record.Key)} {Text(record.Value)} {record.TimestampMs}";
    }

    private void CheckUsers()
    {
        var states = world.Database.Table(SimulatedTopology.Users);
        var names = states.Schema.Columns.Select(c => c.Name).ToList();
        Compare(
            "The states of users",
            _users.Select(u => State(u.Key, u.Value.User)),
            states.Rows.Values.Select(row => names.Zip(row).ToDictionary()).Select(row => State(
                $"{row["topic"]}-{row["partition"]} {row["key"]}", Codecs.Json<User>().Decode(Encoding.UTF8.GetBytes((string)row["state"]!)))));

        // Each error is answered once, with the state that it led to.
        var sent = world.Cluster.Topics.ReadCommitted(SimulatedTopology.UsersTopic).Select(s => Answer(Origin(s.Record), s.Record.Key, Codecs.Json<User>().Decode(s.Record.Value)));
        var expected = _errors.Select(e => $"{e.Key.Partition}@{e.Key.Offset}").Select(at => (At: at, User: _userAt[at])).Zip(_errors.Values, (e, error) => Answer(e.At, error.Record.Key, e.User));
        Compare("The states sent", expected, world.Settings.Guarantee == Guarantee.AtLeastOnce ? sent.Distinct() : sent);

        string State(string key, User user) => _users.GetValueOrDefault(key).IsReplayed ? $"{key} {user.N}" : $"{key} {user}";

        string Answer(string at, byte[]? key, User user) => _users.GetValueOrDefault($"{at.Split('@')[0]} {Text(key)}").IsReplayed ? at : $"{at} {Text(key)} {user}";
    }

    public static string Origin(LogRecord record) => Text(record.Headers.Single(h => h.Key == ToOperator.OriginHeader).Value);

    private void CheckOffsets()
    {
        var ends = world.Topology.SourceTopics.SelectMany(world.Cluster.Topics.ReadCommitted)
            .GroupBy(r => r.Partition).Select(p => $"{p.Key} at {p.Max(r => r.Record.Offset) + 1}").ToList();
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
