using Npgsql;
using Streams.Bench.Children;
using Streams.Bench.Input;
using Streams.Bench.Throughput;

namespace Streams.Bench.Live;

/// <summary>A topic, an application and its nodes, for one benchmark; all of it gone afterwards.</summary>
internal sealed class Stage : IAsyncDisposable
{
    private static readonly TimeSpan CommitPatience = TimeSpan.FromMinutes(1);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(20);

    private readonly Servers _servers;
    private readonly Job _job;
    private readonly List<NodeUnderTest> _nodes = [];

    private Stage(Servers servers, Job job)
    {
        _servers = servers;
        _job = job;
        Data = NpgsqlDataSource.Create(servers.Postgres.ConnectionString);
    }

    public NpgsqlDataSource Data { get; }

    public string Schema => $"\"{_job.Application}\"";

    public static async Task<Stage> CreateAsync(Servers servers, BenchOptions options, string run, string name)
    {
        var topic = $"bench-{run}-{name}";
        await servers.Kafka.CreateTopicAsync(topic, Servers.TopicPartitions);
        var stage = new Stage(servers, new Job
        {
            Kind = JobKind.Feed,
            Name = name,
            Kafka = servers.Kafka.BootstrapServers,
            Postgres = servers.Postgres.ConnectionString,
            Topic = topic,
            Traffic = new Traffic(options.Seed, DateTime.UtcNow, 1, 0),
            Application = topic,
            Settings = options.Settings,
            Names = new() { Clicks = topic, ErrorsTopic = $"{topic}-errors", CountsTopic = $"{topic}-counts" },
        });
        await servers.CreateOutputsAsync(stage._job.Names, Servers.TopicPartitions);
        return stage;
    }

    /// <summary>Starts a node.</summary>
    public NodeUnderTest StartNode(params IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var all = new Dictionary<string, string?>(_job.Settings)
        {
            ["ConnectionStrings:Kafka"] = _job.Kafka,
            ["ConnectionStrings:Postgres"] = _job.Postgres,
            ["Streams:ApplicationId"] = _job.Application,
            ["Clickstream:Clicks"] = _job.Names.Clicks,
            ["Clickstream:ErrorsTopic"] = _job.Names.ErrorsTopic,
            ["Clickstream:CountsTopic"] = _job.Names.CountsTopic,
        };
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var node = NodeUnderTest.Start(all);
        _nodes.Add(node);
        return node;
    }

    public async Task<NodeUnderTest> StartReadyNodeAsync(IEnumerable<KeyValuePair<string, string?>> settings, CancellationToken cancellation)
    {
        var node = StartNode(settings);
        await node.WaitUntilReadyAsync(cancellation);
        return node;
    }

    /// <summary>Sends clicks at a rate, from a process of their own.</summary>
    public async Task<InputFacts> FeedAsync(double perSecond, TimeSpan duration, Action<double> progress, CancellationToken cancellation)
    {
        var clicks = Math.Max(1, (long)(perSecond * duration.TotalSeconds));
        var feed = _job with { Rate = perSecond, Traffic = _job.Traffic with { Clicks = clicks } };
        return (await Child.RunAsync(feed, progress, cancellation)).Facts!;
    }

    /// <summary>How many of the input's records are committed.</summary>
    private async Task<long> CommittedAsync(CancellationToken cancellation)
    {
        await using var command = Data.CreateCommand($"SELECT coalesce(sum(next_offset), 0)::bigint FROM {Schema}.partitions");
        return (long)(await command.ExecuteScalarAsync(cancellation))!;
    }

    /// <summary>Waits until all clicks are committed, and compares the outputs.</summary>
    public async Task CheckAsync(InputFacts facts, CancellationToken cancellation)
    {
        var patience = DateTime.UtcNow + CommitPatience;
        while (await CommittedAsync(cancellation) < facts.Clicks)
        {
            if (DateTime.UtcNow > patience)
            {
                throw new BenchException($"{_job.Name}: the nodes do not commit all {facts.Clicks} clicks within {CommitPatience.TotalSeconds} s.");
            }

            await Task.Delay(Look, cancellation);
        }

        var check = new OutputCheck(_job, facts);
        await check.CheckOutputsAsync(cancellation);
        check.ThrowIfWrong();
    }

    /// <summary>Reads the input.</summary>
    public void ReadInput(BareReader.Visitor visit) => BareReader.ReadToEnd(_job.Kafka, _job.Topic, Servers.TopicPartitions, visit);

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await Data.DisposeAsync();
        await _servers.DropAsync(_job.Application, [_job.Topic, _job.Names.ErrorsTopic, _job.Names.CountsTopic], CancellationToken.None);
    }
}
