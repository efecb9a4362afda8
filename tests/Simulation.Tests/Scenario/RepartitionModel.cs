using System.Globalization;
using System.Text;
using Streams.Processors;
using Streams.Processors.Testing;

namespace Simulation.Tests.Scenario;

/// <summary>What must be there of the errors that are partitioned anew: in the topic between, and of what is made of it.</summary>
internal sealed class RepartitionModel(World world)
{
    /// <param name="errors">The errors that went through, by where they were read.</param>
    /// <param name="counts">How many were in time, by <c>window path status</c>.</param>
    /// <exception cref="WrongException">Something differs.</exception>
    public void Check(IReadOnlyDictionary<(TopicPartition Partition, long Offset), LogRecord> errors, IReadOnlyDictionary<string, long> counts)
    {
        var between = world.Cluster.Topics.ReadCommitted(SimulatedTopology.ErrorsByPath).ToList();
        Model.Compare(
            "The errors by path",
            errors.Select(e => $"{e.Key.Partition}@{e.Key.Offset} {PathOf(e.Value)} {Model.Text(e.Value.Value)}"),
            between.Select(b => $"{Model.Origin(b.Record)} {Model.Text(b.Record.Key)} {Model.Text(b.Record.Value)}"));

        // The order in the topic is the one that counts from there on.
        var paths = new Dictionary<string, User>();
        var answers = new List<string>();
        foreach (var (partition, record) in between)
        {
            var row = $"{partition} {Model.Text(record.Key)}";
            paths[row] = paths.GetValueOrDefault(row, new User(0, 0)).After(Visit.Parse(Model.Text(record.Value))!);
            answers.Add($"{partition}@{record.Offset} {Model.Text(record.Key)} {paths[row]}");
        }

        Model.Compare(
            "The states of paths",
            paths.Select(p => $"{p.Key} {p.Value}"),
            Rows(SimulatedTopology.Paths).Select(row => $"{row["topic"]}-{row["partition"]} {row["key"]} {State(Encoding.UTF8.GetBytes((string)row["state"]!))}"));
        Model.Compare(
            "The states of paths that were sent",
            answers,
            world.Cluster.Topics.ReadCommitted(SimulatedTopology.PathsTopic)
                .Select(s => $"{Model.Origin(s.Record)} {Model.Text(s.Record.Key)} {State(s.Record.Value)}"));

        // Late is what was late where it came from.
        Model.Compare(
            "The counts of paths",
            counts.GroupBy(c => c.Key[..c.Key.LastIndexOf(' ')], c => c.Value).Select(c => string.Create(CultureInfo.InvariantCulture, $"{c.Key} {c.Sum()}")),
            Rows(SimulatedTopology.PathCounts).Select(row => $"{Model.Text(row["window_start"])} {row["path"]} {Model.Text(row["n"])}"));
    }

    private static string PathOf(LogRecord record) => Visit.Parse(Model.Text(record.Value))!.Path;

    private static User State(byte[]? json) => Codecs.Json<User>().Decode(json);

    private IEnumerable<Dictionary<string, object?>> Rows(string table)
    {
        var source = world.Database.Table(table);
        return source.Rows.Values.Select(row => source.Schema.Columns.Zip(row).ToDictionary(p => p.First.Name, p => p.Second));
    }
}
