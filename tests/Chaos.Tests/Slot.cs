using Integration.Tests.Support;
using TestKit;

namespace Chaos.Tests;

/// <summary>A place for a node: one process after the other. With a fixed name they are one static member of the group.</summary>
internal sealed class Slot(Job job, string title, string? fixedName)
{
    private static readonly TimeSpan _stopBound = TimeSpan.FromSeconds(20);
    private static readonly TimeSpan _startPatience = TimeSpan.FromSeconds(60);
    private Node? _node;

    /// <summary>The present process; the last one, while there is none.</summary>
    public Node Node => _node ?? throw new InvalidOperationException($"{title} was never started.");

    /// <summary>Whether it is meant to run.</summary>
    public bool IsWanted { get; private set; }

    /// <summary>The name that it has in the table of partitions; null if it has not said so yet.</summary>
    public string? Name => fixedName ?? _node?.Lines.FirstOrDefault(l => l.Contains(" of application ", StringComparison.Ordinal)) switch
    {
        { } line => line[(line.IndexOf("Node ", StringComparison.Ordinal) + 5)..line.IndexOf(" of application ", StringComparison.Ordinal)],
        null => null,
    };

    public void Start()
    {
        _node = job.Start(fixedName);
        IsWanted = true;
    }

    public Task KillAsync()
    {
        IsWanted = false;
        return Node.KillAsync();
    }

    /// <summary>Asks it to end: exit code 0 in time. Before its first word it has not heard of signals yet.</summary>
    public async Task StopAsync()
    {
        IsWanted = false;
        await Eventually.True(() => Node.HasExited || Node.Lines.Count > 0, _startPatience, $"{title} starts");
        var code = await Node.StopAsync(_stopBound);
        Assert.True(code == 0, $"{title} ended with exit code {code}:\n{Node.Output}");
    }

    public override string ToString() => title;
}
