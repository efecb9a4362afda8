using System.Globalization;
using Npgsql;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>
/// Random records through the engine and the store, with commits given up, connections killed and partitions taken over at
/// random; in the end the tables equal a recount of the records that knows nothing of all that.
/// </summary>
public sealed class RecountTests(TestPostgres postgres)
{
    private const int Partitions = 4;
    private const int RecordsPerPartition = 400;
    private static readonly string[] Names = ["a", "A", "ä", "a ", "", "'\"\\", "表", "😀", "\\N", "null", "z"];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Sample(int Source, string Name, int Status, long Big, double Real, decimal Exact);

    private readonly record struct Group(string Name, int Status);

    private static Topology Topology()
    {
        var builder = new StreamBuilder();
        var samples = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Sample>());
        samples.ToTable("samples");
        samples.GroupBy(s => new Group(s.Name, s.Status)).WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)))
            .Count("n").Sum(s => s.Big, "big").Sum(s => s.Exact, "exact").Sum(s => s.Real, "real").Min(s => s.Big, "least").Max(s => s.Exact, "greatest")
            .Average(s => s.Real, "mean")
            .ToTable("totals").ToTopic("totals");
        samples.ToTable("latest", table => table.Key("source", s => s.Source).Key("name", s => s.Name).Column("big", s => s.Big).Column("exact", s => s.Exact));
        return builder.Build();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    public async Task tables_equal_a_recount_whatever_happens_on_the_way(int seed)
    {
        var random = new Random(seed);
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        var log = Enumerable.Range(0, Partitions).Select(p => Records(random, p)).ToArray();
        Worker[] workers = [.. Enumerable.Range(0, Partitions).Select(p => new Worker(topology, p))];
        await harness.AcquireAsync(workers);
        var run = new Run(harness, random, workers, log);
        while (!await run.IsDoneAsync())
        {
            await run.StepAsync();
        }

        // Names of the engine's columns, in key order as text, so that nothing but values can differ.
        Assert.Equal(
            log.SelectMany(r => r).GroupBy(r => (Window: r.At.AddTicks(-(r.At.Ticks % TimeSpan.TicksPerMinute)), r.Sample.Name, r.Sample.Status))
                .Select(g => Text(
                    g.Key.Window.ToString("HH:mm", CultureInfo.InvariantCulture), g.Key.Name, g.Key.Status, g.Count(), g.Sum(r => r.Sample.Big), g.Sum(r => r.Sample.Exact),
                    g.Sum(r => r.Sample.Real), g.Min(r => r.Sample.Big), g.Max(r => r.Sample.Exact), g.Average(r => r.Sample.Real)))
                .Order(StringComparer.Ordinal),
            (await TotalsAsync(harness)).Order(StringComparer.Ordinal));
        Assert.Equal(
            log.SelectMany(r => r).GroupBy(r => (r.Sample.Source, r.Sample.Name)).Select(g => Text(g.Key.Source, g.Key.Name, g.Last().Sample.Big, g.Last().Sample.Exact)).Order(StringComparer.Ordinal),
            (await harness.ScalarAsync<string[]>("SELECT array_agg(concat_ws('|', source, name, big, exact)) FROM clickstream.latest")).Order(StringComparer.Ordinal));
        Assert.Equal(
            log.SelectMany((r, p) => r.Select((x, offset) => Text(p, offset, x.Sample.Name, x.Sample.Big))).Order(StringComparer.Ordinal),
            (await harness.ScalarAsync<string[]>("SELECT array_agg(concat_ws('|', partition, \"offset\", name, big)) FROM clickstream.samples")).Order(StringComparer.Ordinal));
        Assert.Equal((await TotalsAsync(harness)).Order(StringComparer.Ordinal), run.Changelog.Values.Order(StringComparer.Ordinal));
        Assert.True(run.Outcomes.Count == 4, $"seed {seed} gave only {string.Join(", ", run.Outcomes)}");
        Array.ForEach(workers, w => w.Dispose());
    }

    private static async Task<string[]> TotalsAsync(StoreHarness harness) => await harness.ScalarAsync<string[]>(
        "SELECT array_agg(concat_ws('|', to_char(window_start AT TIME ZONE 'UTC', 'HH24:MI'), name, status, n, big, exact, \"real\", least, greatest, mean)) FROM clickstream.totals");

    private static (Sample Sample, DateTime At)[] Records(Random random, int partition)
    {
        var at = Clicks.Start;
        var records = new (Sample, DateTime)[RecordsPerPartition];
        for (var i = 0; i < records.Length; i++)
        {
            // Halves add up exactly in any order; decimals always do.
            records[i] = (
                new Sample(partition, Names[random.Next(Names.Length)], random.Next(2), random.Next(-1000, 1000), random.Next(-100, 100) / 2.0, new decimal(random.Next(99_999), 0, 0, random.Next(2) == 0, scale: 2)),
                at = at.AddSeconds(random.Next(0, 2)));
        }

        return records;
    }

    private static string Text(params object[] values) => string.Join('|', values.Select(v => Convert.ToString(v, CultureInfo.InvariantCulture)));

    private sealed class Run(StoreHarness harness, Random random, Worker[] workers, (Sample Sample, DateTime At)[][] log)
    {
        private readonly Dictionary<Worker, bool> _fed = workers.ToDictionary(w => w, _ => false);

        /// <summary>The last row of each key that a changelog's reader would hold.</summary>
        public Dictionary<string, string> Changelog { get; } = [];

        public SortedSet<string> Outcomes { get; } = [];

        public async Task<bool> IsDoneAsync() =>
            await harness.ScalarAsync<bool>($"SELECT count(*) = {Partitions} AND bool_and(next_offset = {RecordsPerPartition}) IS TRUE FROM clickstream.partitions");

        public async Task StepAsync()
        {
            foreach (var worker in workers)
            {
                Feed(worker, random.Next(0, 40));
            }

            if (random.Next(6) == 0)
            {
                // A takeover drops what its worker has not committed; it begins again where the last commit ended.
                var taken = workers[random.Next(workers.Length)];
                await harness.AcquireAsync(taken);
                Outcomes.Add("taken over");
            }

            random.Shuffle(workers);
            Worker[] some = [.. workers.Take(random.Next(1, Partitions + 1))];
            TaskCommit[] commits = [.. some.Select(w => w.Take())];
            await CommitAsync(commits);
            for (var i = 0; i < some.Length; i++)
            {
                some[i].Committed(commits[i]);
            }
        }

        private void Feed(Worker worker, int count)
        {
            var all = log[worker.Partition.Partition];
            foreach (var (sample, at) in all.Skip((int)worker.NextOffset).Take(count))
            {
                worker.Feed(at, Newtonsoft.Json.JsonConvert.SerializeObject(sample));
            }
        }

        /// <summary>Until it is committed, as a node does: what failed for a passing reason is written again as it stands.</summary>
        private async Task CommitAsync(TaskCommit[] commits)
        {
            var unknown = false;
            while (true)
            {
                try
                {
                    if (unknown && await harness.Store.IsCommittedAsync(commits, Cancel))
                    {
                        return;
                    }

                    unknown = false;
                    await using var transaction = await harness.Store.WriteAsync(commits, Cancel);
                    Send(Assert.Single(transaction.Totals));
                    switch (random.Next(8))
                    {
                        case 0:
                            Outcomes.Add("given up");
                            continue;
                        case 1:
                            Outcomes.Add("killed");
                            await harness.ExecuteAsync("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE state = 'idle in transaction' AND datname = current_database()");
                            break;
                    }

                    await transaction.CommitAsync(Cancel);
                    Outcomes.Add("committed");
                    return;
                }
                catch (CommitOutcomeUnknownException)
                {
                    unknown = true;
                }
                catch (NpgsqlException e) when (PostgresFailures.Classify(e)!.Kind == PostgresFailureKind.Transient)
                {
                }
            }
        }

        private void Send(RowBuffer totals)
        {
            for (var row = 0; row < totals.Count; row++)
            {
                object?[] values = [.. totals.Columns.Where(c => !c.Column.Name.StartsWith("mean_", StringComparison.Ordinal)).Select(c => c.ValueAt(row))];
                values[0] = ((DateTime)values[0]!).ToString("HH:mm", CultureInfo.InvariantCulture);
                Changelog[Text([.. values.Take(3)!])] = Text([.. values!]);
            }
        }
    }
}
