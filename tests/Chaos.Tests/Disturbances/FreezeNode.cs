using TestKit;

namespace Chaos.Tests.Disturbances;

/// <summary>
/// SIGSTOP for longer than a session lasts, then SIGCONT: a zombie, which believes that it still owns what others have taken
/// over. It must write nothing.
/// </summary>
/// <param name="Slot">Which node.</param>
/// <param name="For">How long it stands still.</param>
/// <param name="InCommit">Whether in the middle of a commit, after its fence was passed and before anything is decided.</param>
internal sealed record FreezeNode(int Slot, TimeSpan For, bool InCommit) : IDisturbance
{
    private static readonly TimeSpan _patience = TimeSpan.FromSeconds(30);

    public string Kind => InCommit ? "SIGSTOP in a commit" : "SIGSTOP";

    public string Victim => $"node {Slot}";

    public TimeSpan Lasts => For + TimeSpan.FromSeconds(InCommit ? 5 : 3);

    public async Task RunAsync(Stage stage)
    {
        var slot = stage.Slots[Slot];
        var node = slot.Node;
        if (InCommit)
        {
            await stage.InACommitOfAsync(slot, () => node.Signal(ProcessSignal.Stop));
        }
        else
        {
            node.Signal(ProcessSignal.Stop);
        }

        // What it has let go of already, as when the broker was away for too long, it need not let go of again.
        var before = Refused();
        var givenUp = GivenUp();
        var hadAny = Stage.HasAny(node) && stage.Takeovers.HasAny(slot.Name);
        await Task.Delay(For);
        var isTakenOver = hadAny && !stage.Takeovers.HasAny(slot.Name);
        node.Signal(ProcessSignal.Continue);
        if (isTakenOver)
        {
            await NoticesAsync();
        }

        var counter = await CounterAsync();
        var (fenced, lost, group) = Refused();
        stage.Say($"{slot} stood still for {For.TotalSeconds:0.0} s and wrote nothing since: streams_partitions_fenced_total {counter}; "
            + $"fenced off {fenced - before.Fenced}, lost {lost - before.Lost}, commits refused by the group {group - before.Group}");

        async Task NoticesAsync()
        {
            try
            {
                await Eventually.True(() => Refused() != before || GivenUp() != givenUp, _patience, $"{slot} notices that it was taken over");
            }
            catch (TimeoutException e)
            {
                throw new TimeoutException($"{e.Message} It wrote:\n{string.Join('\n', node.Lines.TakeLast(40))}", e);
            }
        }

        // Asked for what it has nothing to commit of, it just gives it up.
        int GivenUp() => node.CountLines("Gave up ");

        (int Fenced, int Lost, int Group) Refused() => (node.CountLines("Fenced off "), node.CountLines("Lost "), Stage.RefusedByGroup(node));

        async Task<string> CounterAsync()
        {
            try
            {
                return (await node.MetricAsync("streams_partitions_fenced_total")).ToString("0", System.Globalization.CultureInfo.InvariantCulture);
            }
            catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
            {
                return "not there";
            }
        }
    }

    public override string ToString() => $"{Kind} of {Victim} for {For.TotalSeconds:0.0} s";
}
