namespace Chaos.Tests.Disturbances;

/// <summary>A broker stands still: connections stay open, nothing is answered, and when it goes on it finds sessions run out.</summary>
internal sealed record PauseBroker(int Broker, TimeSpan For) : IDisturbance
{
    public string Kind => "broker pause";

    public string Victim => $"broker {Broker}";

    public TimeSpan Lasts => For + TimeSpan.FromSeconds(2);

    public async Task RunAsync(Stage stage)
    {
        stage.Kafka.Pause(Broker);
        await Task.Delay(For);
        stage.Kafka.Resume(Broker);
    }

    public override string ToString() => $"{Victim} pauses for {For.TotalSeconds:0.0} s";
}
