using System.Diagnostics;
using Integration.Tests.Support;
using Npgsql;
using Streams.Hosting.Embedded;
using TestKit;

namespace Chaos.Tests;

/// <summary>Everything that takes part: servers, the job with its nodes, and who watches them.</summary>
internal sealed class Stage : IAsyncDisposable
{
    private static readonly TimeSpan _commitPatience = TimeSpan.FromSeconds(5);
    private readonly Action<string> _say;
    private readonly Stopwatch _clock = Stopwatch.StartNew();

    private Stage(TestKafka kafka, EmbeddedPostgres postgres, Job job, Action<string> say)
    {
        Kafka = kafka;
        Postgres = postgres;
        Job = job;
        _say = say;

        // Two with names of their own, as a StatefulSet gives them, and one that is new with every process.
        Slots = [new Slot(job, "node 0", "node-0"), new Slot(job, "node 1", "node-1"), new Slot(job, "node 2", fixedName: null)];
        Extra = new Slot(job, "one more node", fixedName: null);
        Takeovers = new Takeovers(postgres.ConnectionString, job.Application);
    }

    public TestKafka Kafka { get; }

    public EmbeddedPostgres Postgres { get; }

    public Job Job { get; }

    /// <summary>The nodes that are disturbed.</summary>
    public IReadOnlyList<Slot> Slots { get; }

    /// <summary>The one that comes and goes.</summary>
    public Slot Extra { get; }

    public Takeovers Takeovers { get; }

    /// <summary>Since the stage was set.</summary>
    public TimeSpan Elapsed => _clock.Elapsed;

    public static async Task<Stage> StartAsync(ChaosOptions options, Action<string> say)
    {
        var kafka = await TestKafka.StartOwnAsync(options.Brokers);
        var postgres = await TestPostgres.StartOwnAsync();
        var job = await Job.CreateAsync(kafka, postgres.ConnectionString, options.Partitions, options.Program);

        // The sessions are short, and so is what else a new owner may have to wait for: what a node that stands still holds in
        // PostgreSQL, and what a dead one left open in Kafka.
        job.Settings["Streams__Postgres__IdleInTransactionTimeout"] = "00:00:05";
        job.Settings["Kafka__Producer__transaction_timeout_ms"] = "10000";
        var stage = new Stage(kafka, postgres, job, say);
        foreach (var slot in stage.Slots)
        {
            slot.Start();
        }

        await Task.WhenAll(stage.Slots.Select(s => s.Node.WaitUntilReadyAsync()));
        return stage;
    }

    /// <summary>Whether a node has any partitions, as it knows itself.</summary>
    public static bool HasAny(Node node)
    {
        var held = new HashSet<string>(StringComparer.Ordinal);
        foreach (var line in node.Lines)
        {
            if (PartitionIn(line, "Took over ") is { } taken)
            {
                held.Add(taken);
            }
            else if ((PartitionIn(line, "Gave up ") ?? PartitionIn(line, "Lost ") ?? PartitionIn(line, "Fenced off ")) is { } gone)
            {
                held.Remove(gone);
            }
        }

        return held.Count > 0;
    }

    /// <summary>How often the group, not PostgreSQL, refused a commit of a node that it had gone on without.</summary>
    public static int RefusedByGroup(Node node) => node.Lines.Count(line =>
        line.Contains("A commit failed", StringComparison.Ordinal)
        && (line.Contains("ILLEGAL_GENERATION", StringComparison.Ordinal) || line.Contains("UNKNOWN_MEMBER_ID", StringComparison.Ordinal)
            || line.Contains("FENCED", StringComparison.Ordinal)));

    private static string? PartitionIn(string line, string before)
    {
        var at = line.IndexOf(before, StringComparison.Ordinal);
        return at < 0 ? null : line[(at + before.Length)..].Split(' ', ',', ':')[0];
    }

    public void Say(string text) => _say($"{Elapsed.TotalSeconds,6:0.0} s  {text}");

    /// <summary>Does something to a node while its commit waits in PostgreSQL, behind its fence; or all the same if it has nothing to commit.</summary>
    public async Task InACommitOfAsync(Slot slot, Action action)
    {
        var isDone = false;
        try
        {
            await using (await Job.LockCountsAsync())
            {
                await Job.WaitUntilNodesWaitForLocksAsync(slot.Name).WaitAsync(_commitPatience);
                action();
                isDone = true;
            }
        }
        catch (Exception e) when (e is TimeoutException or NpgsqlException)
        {
            if (!isDone)
            {
                action();
            }
        }
    }

    public async ValueTask DisposeAsync()
    {
        await Takeovers.DisposeAsync();
        await Job.DisposeAsync();
        await Postgres.DisposeAsync();
        await Kafka.DisposeAsync();
    }
}
