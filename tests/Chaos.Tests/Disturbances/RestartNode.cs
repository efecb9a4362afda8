namespace Chaos.Tests.Disturbances;

/// <summary>SIGTERM, as a deployment does it: exit code 0 in time, and a new process.</summary>
internal sealed record RestartNode(int Slot) : IDisturbance
{
    public string Kind => "SIGTERM";

    public string Victim => $"node {Slot}";

    public TimeSpan Lasts => TimeSpan.FromSeconds(8);

    public async Task RunAsync(Stage stage)
    {
        await stage.Slots[Slot].StopAsync();
        stage.Slots[Slot].Start();
    }

    public override string ToString() => $"{Kind} to {Victim}, back at once";
}
