using TestKit;

namespace Chaos.Tests;

/// <summary>Three nodes under load, everything that can go wrong going wrong around them, and the judgement.</summary>
internal sealed class ChaosRun
{
    private static readonly TimeSpan _progressInterval = TimeSpan.FromSeconds(10);
    private static readonly TimeSpan _catchUp = TimeSpan.FromMinutes(10);
    private readonly ChaosOptions _options;
    private readonly Stage _stage;
    private readonly Report _report = new();

    private ChaosRun(ChaosOptions options, Stage stage)
    {
        _options = options;
        _stage = stage;
    }

    /// <param name="options">How long, how much, and the seed.</param>
    /// <param name="say">Where progress is told.</param>
    public static async Task<Report> RunAsync(ChaosOptions options, Action<string> say)
    {
        say($"{ChaosOptions.Nodes} nodes and one that comes and goes, {options.Events} clicks over {options.Duration.TotalSeconds:0} s, seed {options.Seed}; servers start ...");
        await using var stage = await Stage.StartAsync(options, say);
        var schedule = Schedule.Make(options, stage.Kafka.Brokers);
        say($"Kafka: {stage.Kafka.Kind}, {(stage.Kafka.Brokers == 0 ? "not to be disturbed" : $"{stage.Kafka.Brokers} broker(s)")}. The schedule:");
        foreach (var step in schedule)
        {
            say($"  {step.At.TotalSeconds,6:0.0} s  {step.Disturbance}");
        }

        return await new ChaosRun(options, stage).RunAsync(schedule);
    }

    private async Task<Report> RunAsync(IReadOnlyList<Step> schedule)
    {
        await using var traffic = new Traffic(_stage, _options);
        using var stop = new CancellationTokenSource();
        var progress = TellProgressAsync(traffic, stop.Token);
        await DisturbAsync(schedule);
        if (_stage.Extra.IsWanted)
        {
            _report.Add(await Judge.FindAsync("the node that came and went ends in time", _stage.Extra.StopAsync));
        }

        _stage.Say("no more disturbances; the rest is written and worked off");
        await traffic.Completed;
        _report.Add(await Judge.FindAsync("everything is committed", () => CommittedAsync(traffic.Written)));
        await stop.CancelAsync();
        await progress;
        _stage.Say("everything is committed; the nodes are asked to end");
        foreach (var slot in _stage.Slots)
        {
            _report.Add(await Judge.FindAsync($"{slot} ends with exit code 0 within 20 s", slot.StopAsync));
        }

        _stage.Say("tables and topics are compared with a recount of the input");
        _report.Events = traffic.Written;
        _report.Add([.. await Judge.JudgeAsync(_stage.Job, traffic.Written)]);
        _report.Takeovers = _stage.Takeovers.Done;
        _report.Fences = (
            _stage.Job.Nodes.Sum(n => n.CountLines("Fenced off ")),
            _stage.Job.Nodes.Sum(n => n.CountLines("Lost ")),
            _stage.Job.Nodes.Sum(Stage.RefusedByGroup));
        return _report;
    }

    private async Task DisturbAsync(IReadOnlyList<Step> schedule)
    {
        var begin = _stage.Elapsed;
        var running = new List<Task>();
        var last = new Dictionary<string, Task>();
        foreach (var step in schedule)
        {
            var wait = begin + step.At - _stage.Elapsed;
            if (wait > TimeSpan.Zero)
            {
                await Task.Delay(wait);
            }

            // A victim that is not well again yet, as on a slow machine, is waited for.
            var victim = step.Disturbance.Victim;
            var before = last.GetValueOrDefault(victim, Task.CompletedTask);
            running.Add(last[victim] = DisturbAsync(step, before));
        }

        await Task.WhenAll(running);
        var left = begin + _options.Duration - _stage.Elapsed;
        if (left > TimeSpan.Zero)
        {
            await Task.Delay(left);
        }
    }

    private async Task DisturbAsync(Step step, Task before)
    {
        await before;
        _stage.Say(step.Disturbance.ToString()!);
        var from = DateTime.UtcNow;
        var finding = await Judge.FindAsync($"{step.At.TotalSeconds:0.0} s: {step.Disturbance}", () => step.Disturbance.RunAsync(_stage));
        _report.Disturbed(step, from, DateTime.UtcNow, finding);
    }

    private async Task TellProgressAsync(Traffic traffic, CancellationToken stop)
    {
        while (!stop.IsCancellationRequested)
        {
            await Task.Delay(_progressInterval, stop).ConfigureAwait(ConfigureAwaitOptions.SuppressThrowing);
            string committed;
            try
            {
                committed = $"{await _stage.Job.CommittedAsync()}";
            }
            catch (Exception e) when (e is Npgsql.NpgsqlException or TimeoutException)
            {
                committed = "?";
            }

            _stage.Say($"  {traffic.Written} written, {committed} committed; {_stage.Takeovers}");
            ReplaceTheDead();
        }
    }

    /// <summary>Nobody but this run ends nodes: one that ends by itself is a finding.</summary>
    private void ReplaceTheDead()
    {
        foreach (var slot in _stage.Slots.Where(s => s.IsWanted && s.Node.HasExited))
        {
            _report.Add(new Finding($"{slot} goes on", $"it has ended by itself:\n{string.Join('\n', slot.Node.Lines.TakeLast(30))}"));
            _stage.Say($"{slot} HAS ENDED BY ITSELF; a new one is started");
            slot.Start();
        }
    }

    private Task CommittedAsync(long written) =>
        Eventually.Until(_stage.Job.CommittedAsync, committed => committed >= written, _catchUp, $"{written} records are committed");
}
