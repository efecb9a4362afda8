using System.Diagnostics.Metrics;
using System.Globalization;
using System.Text;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Hosting.Runtime.Actors;
using Streams.Hosting.Telemetry;
using Streams.Processors;
using Streams.Processors.Testing;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>
/// The connection cut in the COMMIT, a thousand times: before the server sees it, in the middle of it, while the server works
/// on it, and before its answer arrives. Everything else is the node's own: committer, commit cycle, store and engine.
/// </summary>
public sealed class CutCommitTests(TestPostgres postgres, ITestOutputHelper output)
{
    private const int Cuts = 1_000;
    private const int Partitions = 3;
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);
    private static readonly NextRequest[] Kinds = [NextRequest.Lose, NextRequest.LoseHalf, NextRequest.LeaveAlone, NextRequest.LoseAnswer];

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static Topology Topology()
    {
        var builder = new StreamBuilder();
        var errors = builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Clicks.Click>()).Filter(click => click.Status >= 400);
        errors.To("errors");
        errors.ToTable("errors");
        errors.GroupBy(click => new Clicks.ErrorKey(click.Path, click.Status)).WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1))).Count("n").ToTable("error_counts");
        return builder.Build();
    }

    [Fact]
    public async Task a_thousand_connections_cut_in_the_commit_lose_nothing_and_double_nothing()
    {
        var seed = Random.Shared.Next();
        output.WriteLine($"seed {seed}");
        var random = new Random(seed);
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        await using var proxy = new CommitProxy(postgres.Server.Port);
        var cuts = new Dictionary<NextRequest, int>();
        proxy.AtCommit = () =>
        {
            lock (cuts)
            {
                var next = cuts.Values.Sum() < Cuts && random.Next(4) > 0 ? Kinds[random.Next(Kinds.Length)] : NextRequest.Pass;
                if (next != NextRequest.Pass)
                {
                    cuts[next] = cuts.GetValueOrDefault(next) + 1;
                }

                return next;
            }
        };
        using var log = new MemoryLog();
        await using var node = new CommittingNode(topology, harness.Open(connectionString: Through(harness, proxy)), log);
        node.TakeOver([.. Enumerable.Range(0, Partitions).Select(p => new TopicPartition("clickstream", p))]);

        var cycles = 0;
        var fed = new List<string>();
        for (; cuts.Values.Sum() < Cuts; cycles++)
        {
            for (var partition = 0; partition < Partitions; partition++)
            {
                fed.AddRange(node.Feed(partition, 1 + ((cycles + partition) % 3)));
            }

            await node.CommitAsync();
        }

        output.WriteLine($"{cycles} cycles, {fed.Count} records; {string.Join(", ", cuts.OrderBy(c => c.Key).Select(c => $"{c.Key} {c.Value}"))}");
        Assert.Equal(Kinds.Order(), cuts.Keys.Order());
        fed.Sort(StringComparer.Ordinal);
        Assert.Equal(fed, (await harness.RowsAsync("SELECT concat(partition, '@', \"offset\") FROM clickstream.errors")).Select(r => r.Trim('(', ')')).Order(StringComparer.Ordinal));
        Assert.Equal(fed, log.Origins.Order(StringComparer.Ordinal));
        Assert.Equal(fed.Count, await harness.ScalarAsync<long>("SELECT sum(n)::bigint FROM clickstream.error_counts"));
        Assert.Equal(fed.Count, await harness.ScalarAsync<long>("SELECT sum(next_offset)::bigint FROM clickstream.partitions"));
        Assert.Equal(Partitions, await harness.ScalarAsync<long>("SELECT sum(epoch)::bigint FROM clickstream.partitions"));
    }

    [Fact]
    public async Task a_clock_that_is_set_back_an_hour_changes_nothing()
    {
        var topology = Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var log = new MemoryLog();
        await using var node = new CommittingNode(topology, harness.Open(), log);
        node.TakeOver([.. Enumerable.Range(0, Partitions).Select(p => new TopicPartition("clickstream", p))]);
        var fed = new List<string>();
        foreach (var hours in new[] { 0, -1, -1, 0 })
        {
            node.Clock.Shift = TimeSpan.FromHours(hours);
            fed.AddRange(node.Feed(0, 2));
            fed.AddRange(node.Feed(1, 1));
            await node.CommitAsync();
        }

        fed.Sort(StringComparer.Ordinal);
        Assert.Equal(fed, (await harness.RowsAsync("SELECT concat(partition, '@', \"offset\") FROM clickstream.errors")).Select(r => r.Trim('(', ')')).Order(StringComparer.Ordinal));
        Assert.Equal(fed, log.Origins.Order(StringComparer.Ordinal));
        Assert.Equal(fed.Count, await harness.ScalarAsync<long>("SELECT sum(n)::bigint FROM clickstream.error_counts"));
        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.dead_letters"));
    }

    private static string Through(StoreHarness harness, CommitProxy proxy) =>
        new Npgsql.NpgsqlConnectionStringBuilder(harness.ConnectionString)
        {
            Port = proxy.Port,
            SslMode = Npgsql.SslMode.Disable,
            GssEncryptionMode = Npgsql.GssEncryptionMode.Disable,
        }.ConnectionString;

    /// <summary>A node without Kafka: what is fed by hand goes through its tasks, its committer and its commit cycle.</summary>
    private sealed class CommittingNode : IAsyncDisposable
    {
        private readonly ServiceProvider _services = new ServiceCollection().AddMetrics().BuildServiceProvider();
        private readonly NodeMetrics _metrics;
        private readonly Partitions _partitions;
        private readonly IActorRef<CommitterMessage> _committer;
        private readonly long[] _next = new long[Partitions];
        private readonly TaskCompletionSource _failed = new(TaskCreationOptions.RunContinuationsAsynchronously);

        public CommittingNode(Topology topology, PostgresStateStore store, MemoryLog log)
        {
            var surroundings = NodeSurroundings.Real(Clock);
            var health = new NodeHealth(NullLogger<NodeHealth>.Instance);
            _metrics = new NodeMetrics(_services.GetRequiredService<IMeterFactory>());
            _partitions = new Partitions(
                new TaskLayout(topology), new TaskOptions(), store, new StateLoader(store, health, _metrics, surroundings), new NodeLoad(1 << 20), health, surroundings, NullLogger<Partitions>.Instance)
            {
                Links = new Partitions.Wiring(
                    CommitSoon: () => { }, RoomMade: () => { }, Rewind: _ => { }, Release: _ => true, Fail, SentUpTo: _ => [], CancellationToken.None),
            };
            var committer = new Committer(
                _partitions, new CommitCycle(store, log, surroundings.Time), store, health, _metrics, new Circuit(NullLogger<Circuit>.Instance), surroundings, _ => { }, NullLogger<Committer>.Instance);
            _committer = surroundings.Actors.Spawn("committer", committer, Fail);
        }

        public HastyTime Clock { get; } = new();

        public void TakeOver(IReadOnlyList<TopicPartition> partitions) => _partitions.Assigned(partitions);

        /// <summary>Gives a task some errors, and returns where they stand.</summary>
        public IReadOnlyList<string> Feed(int number, int count)
        {
            var partition = new TopicPartition("clickstream", number);
            var records = Enumerable.Range(0, count).Select(i => new LogRecord(
                _next[number] + i, null, Encoding.UTF8.GetBytes(Clicks.Json($"/{i}", 500)), new DateTimeOffset(Clicks.Start).ToUnixTimeMilliseconds(), [])).ToList();
            _next[number] += count;
            _partitions.Find(partition)!.Actor.Tell(new TaskMessage.Process(new MemoryRecordBatch(partition, records)));
            return [.. records.Select(r => string.Create(CultureInfo.InvariantCulture, $"{number}@{r.Offset}"))];
        }

        /// <summary>Commits until everything that was fed is. (A commit may overtake what has just been fed.)</summary>
        public async Task CommitAsync()
        {
            while (!Enumerable.Range(0, Partitions).All(p => _partitions.Find(new("clickstream", p)) is { } task && (task.CommittedOffset ?? 0) == _next[p]))
            {
                // The next one begins when this one has ended, however many tries it took.
                var ended = new TaskCompletionSource(TaskCreationOptions.RunContinuationsAsynchronously);
                _committer.Tell(new CommitterMessage.Commit(() => { }));
                _committer.Tell(new CommitterMessage.Commit(() => ended.TrySetResult()));
                await await Task.WhenAny(ended.Task, _failed.Task).WaitAsync(Patience, Cancel);
            }
        }

        public async ValueTask DisposeAsync()
        {
            await _committer.StopAsync();
            foreach (var task in _partitions.Running.ToList())
            {
                await task.Actor.StopAsync();
            }

            _metrics.Dispose();
            await _services.DisposeAsync();
        }

        private void Fail(Exception error) => _failed.TrySetException(error);
    }

    /// <summary>A log whose transactions never fail: all the doubt is PostgreSQL's.</summary>
    private sealed class MemoryLog : IRecordWriter
    {
        private readonly List<string> _open = [];
        private readonly List<string> _committed = [];

        /// <summary>Where the committed records come from, as their headers say.</summary>
        public IEnumerable<string> Origins => _committed;

        public bool IsTransactional => true;

        public Task PrepareAsync(CancellationToken cancellation) => Task.CompletedTask;

        public Task BeginAsync(CancellationToken cancellation) => Task.CompletedTask;

        public void Send(OutputBuffer records, CancellationToken cancellation)
        {
            for (var i = 0; i < records.Count; i++)
            {
                var headers = Encoding.UTF8.GetString(records.Headers(i));
                _open.Add(headers[(headers.IndexOf("clickstream-", StringComparison.Ordinal) + "clickstream-".Length)..]);
            }
        }

        public Task SettleAsync(CancellationToken cancellation) => Task.CompletedTask;

        public Task ArriveAsync(CancellationToken cancellation) => Task.CompletedTask;

        public Task CompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation)
        {
            _committed.AddRange(_open);
            _open.Clear();
            return Task.CompletedTask;
        }

        public Task AbandonAsync(CancellationToken cancellation)
        {
            _open.Clear();
            return Task.CompletedTask;
        }

        public Task<bool> IsCompleteAsync(IReadOnlyList<LogPosition> inputs, CancellationToken cancellation) => Task.FromResult(true);

        public void Dispose()
        {
        }
    }

    /// <summary>Waits last a fiftieth: a thousand times the node's backoff would be minutes.</summary>
    private sealed class HastyTime : TimeProvider
    {
        /// <summary>How far the clock is from the right time.</summary>
        public TimeSpan Shift { get; set; }

        public override DateTimeOffset GetUtcNow() => System.GetUtcNow() + Shift;

        public override ITimer CreateTimer(TimerCallback callback, object? state, TimeSpan dueTime, TimeSpan period) =>
            System.CreateTimer(callback, state, dueTime > TimeSpan.Zero ? dueTime / 50 : dueTime, period);
    }
}
