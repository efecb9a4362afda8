namespace Chaos.Tests.Disturbances;

/// <summary>One more node joins the group, or leaves it again.</summary>
internal sealed record ChangeMembers(bool Joins) : IDisturbance
{
    public string Kind => "membership change";

    public string Victim => "the group";

    public TimeSpan Lasts => TimeSpan.FromSeconds(5);

    public async Task RunAsync(Stage stage)
    {
        if (Joins)
        {
            stage.Extra.Start();
        }
        else
        {
            await stage.Extra.StopAsync();
        }
    }

    public override string ToString() => Joins ? "one more node joins" : "it leaves";
}
