namespace Chaos.Tests.Disturbances;

/// <summary>What <c>pg_ctl restart -m immediate</c> does: every connection ends, and the server recovers as after a crash.</summary>
internal sealed record RestartPostgres(TimeSpan Away) : IDisturbance
{
    public string Kind => "Postgres restart";

    public string Victim => "Postgres";

    public TimeSpan Lasts => Away + TimeSpan.FromSeconds(3);

    public async Task RunAsync(Stage stage)
    {
        await stage.Postgres.StopAsync(immediate: true);
        await Task.Delay(Away);
        await stage.Postgres.StartAgainAsync();
    }

    public override string ToString() => $"{Kind}, immediate, away for {Away.TotalSeconds:0.0} s";
}
