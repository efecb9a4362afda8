using Confluent.Kafka;
using Simulation.Tests.Machine;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Simulation.Tests.Log;

/// <summary>
/// The client's side of the group protocol, as librdkafka runs it: joining and heartbeats go on in the background, while
/// what the application has to do in a rebalance waits for its polling thread. So the generation that the client tells may be
/// ahead of what the application has heard.
/// </summary>
internal sealed class Membership(
    SimulatedProcess process, Network network, Cluster cluster, string? instanceId, TimeSpan maxPollInterval, IPartitionOwner owner, Action<KafkaFailure> onFailure)
{
    private readonly Queue<Action> _callbacks = new();
    private readonly SortedDictionary<TopicPartition, long> _positions = [];
    private string? _memberId;
    private int _generation = -1;
    private bool _isClosed;
    private TaskCompletionSource _change = NewSignal();
    private bool _isJoining;
    private bool _mustJoin;
    private bool _isLost;

    /// <summary>What is owned, and where to read on.</summary>
    public SortedDictionary<TopicPartition, long> Positions => _positions;

    /// <summary>Grows with each change of <see cref="Positions"/>.</summary>
    public long Version { get; set; }

    public Place Place => new(_memberId, instanceId, _generation);

    public bool HasCallback => _callbacks.Count > 0;

    /// <summary>When the application polled last.</summary>
    public TimeSpan LastPoll { get; set; }

    private TimeSpan Now => process.Time.GetElapsedTime(0);

    public void Start()
    {
        LastPoll = Now;
        _ = process.RunAsync(TakePartAsync);
        _ = process.RunAsync(BeatAsync);
    }

    /// <summary>Runs the next of what a rebalance asks for, on the polling thread.</summary>
    public void RunCallback()
    {
        _callbacks.Dequeue()();
        Version++;
    }

    /// <summary>Gives up everything and leaves, on the polling thread. A static member does not say that it leaves.</summary>
    public void Close()
    {
        _isClosed = true;
        _change.TrySetResult();
        if (_positions.Count > 0)
        {
            owner.Revoked([.. _positions.Keys]);
            _positions.Clear();
        }

        if (_memberId is { } member && instanceId is null)
        {
            _ = network.CallAsync(process, cluster.Process, "leave", () =>
            {
                cluster.Group.Leave(member);
                return Task.FromResult(true);
            });
        }

        _generation = -1;
    }

    private static TaskCompletionSource NewSignal() => new();

    private async Task TakePartAsync()
    {
        while (!_isClosed)
        {
            _mustJoin = false;
            if (!await JoinAsync())
            {
                continue;
            }

            while (!_isClosed && !_mustJoin && !_isLost)
            {
                await _change.Task;
                _change = NewSignal();
            }

            await LoseIfLostAsync();
        }
    }

    private async Task<bool> JoinAsync()
    {
        if (!cluster.Group.Settings.IsCooperative && _positions.Count > 0)
        {
            await OnPollingThreadAsync(() => Revoke([.. _positions.Keys]));
            await LoseIfLostAsync();
        }

        try
        {
            var assignment = await AskForAssignmentAsync();
            (_memberId, _generation) = (assignment.MemberId, assignment.Generation);
            process.Trace($"is {_memberId} in generation {_generation} with {string.Join(", ", assignment.Partitions)}");
            await OnPollingThreadAsync(() => Assign(assignment.Partitions));
            return true;
        }
        catch (BrokenCallException)
        {
            await Task.Delay(TimeSpan.FromMilliseconds(100), process.Time);
            return false;
        }
        catch (KafkaFailureException e)
        {
            Refused(e.Failure);
            await LoseIfLostAsync();
            return false;
        }
    }

    private async Task<Assignment> AskForAssignmentAsync()
    {
        var (member, owned) = (_memberId, _positions.Keys.ToList());
        _isJoining = true;
        try
        {
            return await network.CallAsync(process, cluster.Process, $"join as {member ?? "a new member"}", () => cluster.Group.JoinAsync(member, instanceId, owned));
        }
        finally
        {
            _isJoining = false;
        }
    }

    private void Assign(IReadOnlyList<TopicPartition> partitions)
    {
        var gone = _positions.Keys.Where(p => !partitions.Contains(p)).ToList();
        if (gone.Count > 0)
        {
            Revoke(gone);
            _mustJoin = true;
            _change.TrySetResult();
        }

        var added = partitions.Where(p => !_positions.ContainsKey(p)).ToList();
        foreach (var (partition, from) in owner.Assigned(added))
        {
            _positions[partition] = from ?? 0;
        }
    }

    private void Revoke(IReadOnlyList<TopicPartition> partitions)
    {
        if (_isLost)
        {
            return;
        }

        owner.Revoked(partitions);
        foreach (var partition in partitions)
        {
            _positions.Remove(partition);
        }
    }

    private async Task LoseIfLostAsync()
    {
        if (_isLost)
        {
            await OnPollingThreadAsync(() =>
            {
                owner.Lost([.. _positions.Keys]);
                _positions.Clear();
            });
            _isLost = false;
        }
    }

    private async Task BeatAsync()
    {
        while (!_isClosed)
        {
            await Task.Delay(cluster.Group.Settings.HeartbeatInterval, process.Time);
            if (_generation < 0 || _isClosed || _isJoining)
            {
                continue;
            }

            var place = Place;
            if (Now - LastPoll > maxPollInterval)
            {
                process.Trace("has not polled for too long");
                Lose();
                continue;
            }

            try
            {
                var mustJoin = await network.CallAsync(process, cluster.Process, "heartbeat", () => Task.FromResult(cluster.Group.Heartbeat(place)));
                if (mustJoin && place == Place && !_isJoining)
                {
                    _mustJoin = true;
                    _change.TrySetResult();
                }
            }
            catch (BrokenCallException)
            {
                // The next one may come through.
            }
            catch (KafkaFailureException e) when (place == Place && !_isJoining)
            {
                Refused(e.Failure);
            }
            catch (KafkaFailureException)
            {
                // About a place that this member has left.
            }
        }
    }

    private void Refused(KafkaFailure failure)
    {
        process.Trace($"group: {failure.Code}");
        if (failure.Code == ErrorCode.FencedInstanceId)
        {
            _isClosed = true;
            onFailure(failure with { Fatal = true });
        }

        Lose();
    }

    private void Lose()
    {
        (_memberId, _generation, _isLost) = (null, -1, true);
        _change.TrySetResult();
    }

    private Task OnPollingThreadAsync(Action action)
    {
        var done = new TaskCompletionSource();
        _callbacks.Enqueue(() =>
        {
            action();
            done.TrySetResult();
        });
        return done.Task;
    }
}
