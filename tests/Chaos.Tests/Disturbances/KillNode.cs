namespace Chaos.Tests.Disturbances;

/// <summary>SIGKILL, and a new process some time later: at once, or when its partitions have gone to others.</summary>
internal sealed record KillNode(int Slot, TimeSpan BackAfter) : IDisturbance
{
    public string Kind => "kill -9";

    public string Victim => $"node {Slot}";

    public TimeSpan Lasts => BackAfter + TimeSpan.FromSeconds(6);

    public async Task RunAsync(Stage stage)
    {
        var slot = stage.Slots[Slot];
        if (slot.Name is { } name)
        {
            stage.Takeovers.Killed(name, this);
        }

        await slot.KillAsync();
        await Task.Delay(BackAfter);
        slot.Start();
    }

    public override string ToString() => $"{Kind} of {Victim}, back after {BackAfter.TotalSeconds:0.0} s";
}
