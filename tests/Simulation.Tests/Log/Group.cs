using Confluent.Kafka;
using Simulation.Tests.Machine;
using Streams.Hosting.Kafka;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Simulation.Tests.Log;

/// <summary>Who a member says it is. A member that is none has no id.</summary>
internal sealed record Place(string? MemberId, string? InstanceId, int Generation);

/// <summary>What a member is told at the end of a rebalance.</summary>
internal sealed record Assignment(string MemberId, int Generation, IReadOnlyList<TopicPartition> Partitions);

/// <summary>
/// The coordinator of the consumer group: members that join, are heard of, expire, are replaced by their instance's next
/// process; generations; assignments, eager or cooperative.
/// </summary>
/// <remarks>
/// <code>
///          somebody joins, leaves or expires           all have joined, or the time is up
/// stable ------------------------------------> joining -------------------------------------> stable, generation + 1
/// </code>
/// </remarks>
internal sealed class Group(Simulator simulator, GroupSettings settings, IReadOnlyList<TopicPartition> partitions)
{
    private readonly SortedDictionary<string, Member> _members = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _instances = new(StringComparer.Ordinal);
    private bool _isJoining;
    private int _round;
    private int _memberNumber;

    private sealed class Member(string id, string? instanceId)
    {
        public string Id { get; } = id;

        public string? InstanceId { get; } = instanceId;

        public TimeSpan HeardOf { get; set; }

        public TaskCompletionSource<Assignment>? Joining { get; set; }

        /// <summary>What it says it holds on to, in a cooperative rebalance.</summary>
        public IReadOnlyList<TopicPartition> Owned { get; set; } = [];

        public List<TopicPartition> Assigned { get; set; } = [];
    }

    public int Generation { get; private set; }

    public GroupSettings Settings => settings;

    /// <exception cref="KafkaFailureException">The member is not known any more, or another process has taken its name.</exception>
    public Task<Assignment> JoinAsync(string? memberId, string? instanceId, IReadOnlyList<TopicPartition> owned)
    {
        if (memberId is not null)
        {
            Check(memberId, instanceId, generation: null);
        }

        if (memberId is null && instanceId is not null && _instances.TryGetValue(instanceId, out var before))
        {
            if (Replace(before, instanceId) is { } replaced)
            {
                return Task.FromResult(replaced);
            }

            memberId = _instances[instanceId];
        }

        var member = memberId is null ? Add(instanceId) : _members[memberId];
        member.HeardOf = simulator.Now;
        member.Owned = settings.IsCooperative ? owned : [];
        member.Joining = new TaskCompletionSource<Assignment>();
        var joining = member.Joining.Task;
        Rebalance();
        CompleteIfAllJoined();
        return joining;
    }

    /// <returns>Whether it must join anew.</returns>
    /// <exception cref="KafkaFailureException">The member is not known any more, or another process has taken its name.</exception>
    public bool Heartbeat(Place place)
    {
        Check(place.MemberId, place.InstanceId, place.Generation);
        _members[place.MemberId!].HeardOf = simulator.Now;
        return _isJoining;
    }

    public void Leave(string memberId)
    {
        if (_members.ContainsKey(memberId))
        {
            simulator.Trace.Add("group", $"{memberId} leaves");
            Remove(memberId);
            Rebalance();
            CompleteIfAllJoined();
        }
    }

    /// <summary>Everybody has to join anew.</summary>
    public void Rebalance()
    {
        if (_isJoining || _members.Count == 0)
        {
            return;
        }

        _isJoining = true;
        var round = ++_round;
        simulator.After(settings.RebalanceTimeout, () =>
        {
            if (_isJoining && _round == round)
            {
                foreach (var late in _members.Values.Where(m => m.Joining is null).Select(m => m.Id).ToList())
                {
                    simulator.Trace.Add("group", $"{late} has not joined in time");
                    Remove(late);
                }

                CompleteIfAllJoined();
            }
        });
    }

    /// <summary>Looks for members that were not heard of for too long. Called now and then.</summary>
    public void Expire()
    {
        var expired = _members.Values.Where(m => m.Joining is null && simulator.Now - m.HeardOf > settings.SessionTimeout).Select(m => m.Id).ToList();
        foreach (var id in expired)
        {
            simulator.Trace.Add("group", $"{id} has expired");
            Remove(id);
            Rebalance();
        }

        CompleteIfAllJoined();
    }

    /// <summary>The broker's check of a transaction's or a consumer's offsets. One that says it is no member is not checked.</summary>
    public void CheckOffsets(Place place)
    {
        if (place.Generation >= 0)
        {
            Check(place.MemberId, place.InstanceId, place.Generation);
        }
    }

    private void Check(string? memberId, string? instanceId, int? generation)
    {
        if (instanceId is not null && _instances.TryGetValue(instanceId, out var current) && current != memberId)
        {
            throw Failure(ErrorCode.FencedInstanceId);
        }

        if (memberId is null || !_members.ContainsKey(memberId))
        {
            throw Failure(ErrorCode.UnknownMemberId);
        }

        if (generation is { } number && number != Generation)
        {
            throw Failure(ErrorCode.IllegalGeneration);
        }
    }

    private static KafkaFailureException Failure(ErrorCode code) => new("The group", KafkaFailure.Of(code, code.ToString()));

    private Member Add(string? instanceId)
    {
        var member = new Member($"member-{++_memberNumber:000}", instanceId) { HeardOf = simulator.Now };
        _members.Add(member.Id, member);
        if (instanceId is not null)
        {
            _instances[instanceId] = member.Id;
        }

        return member;
    }

    /// <summary>
    /// A new process of a static member takes its place. In a stable group nothing else changes: it gets the same partitions,
    /// in the same generation. Unless its predecessor still had to give one up: then nobody else would ever ask for that.
    /// </summary>
    private Assignment? Replace(string before, string instanceId)
    {
        var old = _members[before];
        Remove(before);
        old.Joining?.TrySetException(Failure(ErrorCode.FencedInstanceId));
        var member = Add(instanceId);
        member.Assigned = old.Assigned;
        simulator.Trace.Add("group", $"{member.Id} takes the place of {before}");
        return _isJoining || _members.Values.Sum(m => m.Assigned.Count) < partitions.Count ? null : new Assignment(member.Id, Generation, [.. member.Assigned]);
    }

    private void Remove(string memberId)
    {
        if (_members.Remove(memberId, out var member) && member.InstanceId is { } instance && _instances[instance] == memberId)
        {
            _instances.Remove(instance);
        }
    }

    private void CompleteIfAllJoined()
    {
        if (!_isJoining || _members.Values.Any(m => m.Joining is null))
        {
            return;
        }

        _isJoining = false;
        Generation++;
        Assign();
        simulator.Trace.Add("group", $"generation {Generation}: {string.Join("; ", _members.Values.Select(m => $"{m.Id} {string.Join(" ", m.Assigned)}"))}");
        foreach (var member in _members.Values)
        {
            var joining = member.Joining!;
            member.Joining = null;
            member.HeardOf = simulator.Now;
            joining.TrySetResult(new Assignment(member.Id, Generation, [.. member.Assigned]));
        }
    }

    private void Assign()
    {
        if (_members.Count == 0)
        {
            return;
        }

        var order = _members.Values.ToArray();
        simulator.Random.Shuffle(order);
        var quota = (partitions.Count + order.Length - 1) / order.Length;
        var held = order.SelectMany(m => m.Owned).ToHashSet();
        foreach (var member in order)
        {
            member.Assigned = [.. member.Owned.Where(partitions.Contains).Take(quota)];
        }

        // A partition that somebody still holds and is to give up is nobody's in this round; giving it up brings the next one.
        var kept = order.SelectMany(m => m.Assigned).ToHashSet();
        foreach (var partition in partitions.Where(p => !kept.Contains(p) && !held.Contains(p)))
        {
            order.MinBy(m => m.Assigned.Count)!.Assigned.Add(partition);
        }
    }
}

/// <summary>How the group works.</summary>
internal sealed record GroupSettings(bool IsCooperative, TimeSpan SessionTimeout, TimeSpan HeartbeatInterval, TimeSpan RebalanceTimeout);
