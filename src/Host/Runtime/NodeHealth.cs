using Microsoft.Extensions.Logging;
using Streams.Hosting.Telemetry;

namespace Streams.Hosting.Runtime;

/// <summary>What a node depends on.</summary>
internal enum Dependency
{
    Postgres,
    Kafka,
    Topics,
    Group,
    Partitions,
}

/// <summary>
/// Whether the node can do its work. A dependency is up, or down for a reason; each change is logged once, however often
/// it is reported.
/// </summary>
internal sealed class NodeHealth(ILogger<NodeHealth> logger)
{
    private readonly Lock _lock = new();
    private readonly Dictionary<Dependency, string?> _down = new()
    {
        [Dependency.Postgres] = "not reached yet",
        [Dependency.Kafka] = "not reached yet",
        [Dependency.Topics] = "not looked for yet",
        [Dependency.Group] = "not joined yet",
        [Dependency.Partitions] = null,
    };

    private bool _stopping;
    private bool _leftWork;

    /// <summary>Everything is there and the node takes part.</summary>
    public bool IsReady => Problems.Count == 0;

    /// <summary>What keeps the node from its work, in words.</summary>
    public IReadOnlyList<string> Problems
    {
        get
        {
            lock (_lock)
            {
                return
                [
                    .. _down.Where(d => d.Value is not null).Select(d => $"{d.Key}: {d.Value}"),
                    .. _stopping ? ["the node is stopping"] : Array.Empty<string>(),
                ];
            }
        }
    }

    /// <summary>Whether the node, told to stop, gave partitions up without committing what it had done on them.</summary>
    public bool HasLeftWork
    {
        get
        {
            lock (_lock)
            {
                return _leftWork;
            }
        }
    }

    public bool IsDown(Dependency dependency)
    {
        lock (_lock)
        {
            return _down[dependency] is not null;
        }
    }

    public void Up(Dependency dependency)
    {
        lock (_lock)
        {
            if (_down[dependency] is null)
            {
                return;
            }

            _down[dependency] = null;
        }

        logger.DependencyUp(dependency);
    }

    public void Down(Dependency dependency, string reason)
    {
        lock (_lock)
        {
            var was = _down[dependency];
            _down[dependency] = reason;
            if (was is not null && !was.StartsWith("not ", StringComparison.Ordinal))
            {
                return;
            }
        }

        logger.DependencyDown(dependency, reason);
    }

    public void Stopping()
    {
        lock (_lock)
        {
            _stopping = true;
        }
    }

    /// <summary>Partitions were given up, and what was done on them is not committed.</summary>
    public void LeftWork()
    {
        lock (_lock)
        {
            _leftWork |= _stopping;
        }
    }
}
