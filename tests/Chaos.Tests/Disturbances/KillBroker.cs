namespace Chaos.Tests.Disturbances;

/// <summary>SIGKILL for a broker, and a new process on its data some time later.</summary>
internal sealed record KillBroker(int Broker, TimeSpan BackAfter) : IDisturbance
{
    public string Kind => "broker kill -9";

    public string Victim => $"broker {Broker}";

    public TimeSpan Lasts => BackAfter + TimeSpan.FromSeconds(8);

    public async Task RunAsync(Stage stage)
    {
        await stage.Kafka.KillAsync(Broker);
        await Task.Delay(BackAfter);
        await stage.Kafka.StartAsync(Broker);
    }

    public override string ToString() => $"kill -9 of {Victim}, back after {BackAfter.TotalSeconds:0.0} s";
}
