using System.Text.Json;
using Streams.Bench.Input;
using Streams.Bench.Throughput;

namespace Streams.Bench.Children;

/// <summary>What a child process is to do.</summary>
internal enum JobKind
{
    /// <summary>Fill the input topic.</summary>
    Load,

    /// <summary>Send clicks at a rate for a time.</summary>
    Feed,

    /// <summary>Read the input topic and nothing else.</summary>
    Limit,

    /// <summary>Run a node until it has caught up.</summary>
    Node,

    /// <summary>Copy rows into a table over one connection.</summary>
    Copy,
}

/// <summary>One child's work, told to it in an environment variable.</summary>
internal sealed record Job
{
    public const string Variable = "STREAMS_BENCH_JOB";

    public required JobKind Kind { get; init; }

    /// <summary>The benchmark.</summary>
    public required string Name { get; init; }

    public required string Kafka { get; init; }

    public required string Postgres { get; init; }

    public required string Topic { get; init; }

    public required Traffic Traffic { get; init; }

    /// <summary>The application id: consumer group and schema.</summary>
    public required string Application { get; init; }

    /// <summary>How many clicks a second to feed.</summary>
    public double Rate { get; init; }

    /// <summary>The node's configuration, beyond where the servers are.</summary>
    public Dictionary<string, string?> Settings { get; init; } = [];

    /// <summary>Topics and tables of a node.</summary>
    public Clickstream.ClickstreamNames Names { get; init; } = new();

    /// <summary>How many records a node reads besides the clicks: those that come back to it through a topic of its own.</summary>
    public long Repartitioned { get; init; }

    /// <summary>Which topology a node runs.</summary>
    public Shape Shape { get; init; }

    public string ToJson() => JsonSerializer.Serialize(this);

    public static Job FromEnvironment() =>
        JsonSerializer.Deserialize<Job>(Environment.GetEnvironmentVariable(Variable)
            ?? throw new InvalidOperationException($"{Variable} is not set: a child is started by the bench program itself."))!;
}
