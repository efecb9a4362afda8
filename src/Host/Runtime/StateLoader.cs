using Streams.Hosting.Telemetry;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>Reads the states that batches are put off for, however long the store takes: their tasks have nothing else to do meanwhile.</summary>
internal sealed class StateLoader(IStateStore store, NodeHealth health, NodeMetrics metrics, NodeSurroundings surroundings)
{
    private readonly Retries _retries = new(health, surroundings);

    /// <exception cref="OperationCanceledException">The task is to stop: whatever the store says then is no failure of its.</exception>
    public async Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> missing, CancellationToken stopping)
    {
        var started = surroundings.Time.GetTimestamp();
        try
        {
            await _retries.RunAsync(Dependency.Postgres, () => store.LoadAsync(partition, missing, stopping), stopping);
        }
        catch (Exception e) when (stopping.IsCancellationRequested && Failures.IsTransient(e))
        {
            throw new OperationCanceledException("The task stops while its states are loaded.", e, stopping);
        }

        metrics.LoadTook(surroundings.Time.GetElapsedTime(started));
        foreach (var load in missing)
        {
            metrics.Loaded(load.Table.Name, load.Keys.Count);
        }
    }
}
