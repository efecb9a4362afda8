namespace Streams.Processors;

/// <summary>
/// The engine: one partition of a source topic with every operator its records reach. Deterministic, synchronous and
/// single-threaded: the same batches give the same change sets, however they are cut.
/// </summary>
/// <remarks>
/// A batch is atomic per record. Steps run in graph order over the whole batch; if records fail, the batch's effects are
/// discarded and it is run again without them, until a run goes through. Failed records leave as dead letters. With
/// <see cref="ErrorPolicy.Stop"/> the batch ends before the first of them.
/// <para>
/// A batch whose operators need states that are not in memory is put off: <see cref="Missing"/> says what to load, and then it is run
/// again from <see cref="NextOffset"/> on. The engine itself waits for nothing.
/// </para>
/// <para>
/// Where operators have states, a record may fail only because of what another one did that fails as well: of all that fail in a run,
/// the first is the only one that is known to. So the batch is cut there: what is before it goes through, it fails alone, and what
/// comes after is tried in parts that grow again.
/// </para>
/// </remarks>
internal sealed class StreamTask : IDisposable
{
    private readonly BatchContext _context;
    private readonly TaskLayout _layout;
    private readonly ISourceStep _source;
    private readonly Step[] _steps;
    private readonly Stack<ChangeSet> _spare = new();
    private readonly IReadOnlyDictionary<long, string>? _rejected;
    private readonly bool _hasStates;
    private int _recordsAtOnce = int.MaxValue;
    private ChangeSet _changes;
    private StreamClock _clock;

    /// <param name="layout">The topology, laid out.</param>
    /// <param name="partition">The partition to process; its topic must be a source of the topology.</param>
    /// <param name="options">The limits.</param>
    /// <param name="nextOffset">Where to start; records below are passed over.</param>
    /// <param name="streamTime">Stream time there, as committed.</param>
    /// <param name="muteBelow">Forwarded output of records below this offset is in Kafka already.</param>
    /// <param name="rejected">Offsets of records that PostgreSQL has refused, and why: they fail without being tried.</param>
    public StreamTask(
        TaskLayout layout,
        TopicPartition partition,
        TaskOptions options,
        long nextOffset,
        DateTime? streamTime,
        long muteBelow = 0,
        IReadOnlyDictionary<long, string>? rejected = null)
    {
        _rejected = rejected is { Count: > 0 } ? rejected : null;
        _layout = layout;
        _context = new BatchContext(partition, options) { MuteBelow = muteBelow };
        _clock = new StreamClock(streamTime);
        NextOffset = nextOffset;
        _changes = layout.CreateChangeSet(partition);
        _context.Changes = _changes;
        var builder = new TaskBuilder(layout, _context);
        var steps = layout.NodesOf(partition.Topic).Select(node => node.CreateStep(builder)).ToList();
        _source = (ISourceStep)steps[0];
        _steps = [.. steps.Skip(1)];
        _hasStates = layout.NodesOf(partition.Topic).Any(n => n.Table?.Kind == TableKind.State);
    }

    public TopicPartition Partition => _context.Partition;

    /// <summary>The next offset to process.</summary>
    public long NextOffset { get; private set; }

    public DateTime? StreamTime => _clock.Time;

    /// <summary>What is held for the next commit, in bytes, roughly.</summary>
    public long PendingBytes => _changes.SizeBytes;

    public long PendingRecords => _changes.Records;

    /// <summary>Something is held for the next commit.</summary>
    public bool HasChanges => !_changes.IsEmpty;

    /// <summary>What <see cref="Process"/> or <see cref="Replay"/> was put off for: each is to be completed before the same is tried again.</summary>
    public IReadOnlyList<StateLoad> Missing => _context.Missing;

    /// <summary>Runs one batch. Does not dispose it.</summary>
    /// <param name="batch">Records of this task's partition.</param>
    /// <param name="now">Wall time, for <see cref="TaskOptions.MaxFuture"/>.</param>
    /// <returns>False if it was put off: see <see cref="Missing"/>.</returns>
    /// <exception cref="RecordFailedException">
    /// A record failed and the policy is <see cref="ErrorPolicy.Stop"/>. The records before it went through and can be
    /// committed; <see cref="NextOffset"/> is the failed one's.
    /// </exception>
    public bool Process(RecordBatch batch, DateTime now)
    {
        while (NextOffset < batch.NextOffset)
        {
            if (!TryProcess(Part(batch), now) && Missing.Count > 0)
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>What is next of a batch: all that is left, or as much as is tried at once.</summary>
    private RecordBatch Part(RecordBatch batch)
    {
        if (_recordsAtOnce == int.MaxValue)
        {
            return batch;
        }

        var first = 0;
        while (first < batch.Count && batch.Offset(first) < NextOffset)
        {
            first++;
        }

        return new BatchSlice(batch, first, Math.Min(_recordsAtOnce, batch.Count - first), owns: false);
    }

    /// <returns>False if it did not go through: it was put off, or fewer are to be tried at once.</returns>
    private bool TryProcess(RecordBatch batch, DateTime now)
    {
        var before = StreamTime;
        if (RunWhole(batch, NextOffset, _rejected, now) is not { } read)
        {
            return false;
        }

        _changes.NewestTimestampMs = batch.Count > 0 ? batch.TimestampMs(batch.Count - 1) : null;
        _changes.LastOffset = batch.Count > 0 ? batch.Offset(batch.Count - 1) : _changes.LastOffset;
        if (_context.Options.OnError == ErrorPolicy.Stop && _context.FailureCount > 0)
        {
            var failure = _context.Failures.First();
            NextOffset = failure.Letter.Offset;
            _changes.Records += read - (batch.Count - failure.Index);
            throw new RecordFailedException(Partition, failure.Letter.Offset, failure.Letter.Node, failure.Error);
        }

        NextOffset = batch.NextOffset;
        _changes.Records += read;
        if (_context.FailureCount > 0 && _context.Options.OnError == ErrorPolicy.DeadLetter)
        {
            _changes.DeadLetters.AddRange(_context.Letters(batch.Count - read, before));
        }
        else if (_context.FailureCount > 0)
        {
            _changes.Skipped += _context.FailureCount;
            _changes.LastSkipped = _context.Failures.Last().Letter;
        }

        return true;
    }

    /// <summary>
    /// Runs a dead letter once more. Its effects join those of the records read meanwhile; whether it is late is judged by the
    /// stream time that it found when it failed, and neither the partition's clock nor <see cref="NextOffset"/> moves. If
    /// it fails again it has no effect, whatever the policy, and says so in <see cref="ChangeSet.Replays"/>.
    /// </summary>
    /// <param name="record">The record. Not disposed.</param>
    /// <param name="isMuted">What it forwards is in Kafka already and is not sent again.</param>
    /// <param name="now">Wall time, for <see cref="TaskOptions.MaxFuture"/>.</param>
    /// <param name="rejected">Why PostgreSQL has refused it: it fails without being tried.</param>
    /// <returns>False if it was put off: see <see cref="Missing"/>.</returns>
    public bool Replay(ReplayRecord record, bool isMuted, DateTime now, string? rejected = null)
    {
        var (clock, muteBelow) = (_clock, _context.MuteBelow);
        _clock = new StreamClock(record.StreamTime);
        _context.MuteBelow = isMuted ? long.MaxValue : 0;
        try
        {
            if (RunWhole(record, record.Offset(0), rejected is null ? null : new Dictionary<long, string> { [record.Offset(0)] = rejected }, now) is null)
            {
                return false;
            }
        }
        finally
        {
            _clock = clock;
            _context.MuteBelow = muteBelow;
        }

        _changes.Replays.Add(new Replay(record.Offset(0), record.Number, _context.Failures.FirstOrDefault()?.Letter));
        return true;
    }

    /// <summary>Hands over what was done since the last call and starts anew.</summary>
    public ChangeSet TakeChanges()
    {
        var taken = _changes;
        taken.NextOffset = NextOffset;
        taken.StreamTime = StreamTime;
        taken.Cycle = _context.Cycle++;
        _changes = _spare.TryPop(out var spare) ? spare : _layout.CreateChangeSet(Partition);
        _context.Changes = _changes;
        return taken;
    }

    /// <summary>Takes a committed change set back for another cycle.</summary>
    public void Recycle(ChangeSet changes)
    {
        _context.CommittedCycle = changes.Cycle;
        changes.Clear();
        _spare.Push(changes);
    }

    /// <summary>Decodes a batch from an offset on and runs it until a run goes through, whose effects join the change set.</summary>
    /// <returns>How many records were looked at; <c>null</c> if the batch did not go through.</returns>
    private int? RunWhole(RecordBatch batch, long fromOffset, IReadOnlyDictionary<long, string>? rejected, DateTime now)
    {
        _context.Begin(batch, now);
        FailRejected(batch, fromOffset, rejected);
        var read = _source.Decode(fromOffset);
        try
        {
            if (!TryRun(batch.Count))
            {
                Discard();
                return null;
            }
        }
        catch
        {
            Discard();
            throw;
        }

        foreach (var step in _steps)
        {
            step.Accept();
        }

        _recordsAtOnce = _recordsAtOnce > int.MaxValue / 2 ? int.MaxValue : _recordsAtOnce * 2;
        _changes.Late += _context.LateCount;
        return read;
    }

    /// <summary>Runs the steps until a run goes through, and moves the clock.</summary>
    /// <returns>False if states are missing, or fewer records are to be tried at once.</returns>
    private bool TryRun(int records)
    {
        if (_context.FailureCount > 0)
        {
            _source.RemoveFailed();
        }

        while (true)
        {
            var clock = _clock;
            _source.Advance(ref clock);
            _context.BeginRun();
            foreach (var step in _steps)
            {
                step.Run();
                if (_context.Missing.Count > 0)
                {
                    return false;
                }
            }

            if (_context.FirstFailure is not { } first)
            {
                _clock = clock;
                return true;
            }

            if (_hasStates && records > 1)
            {
                _recordsAtOnce = Math.Max(1, first);
                return false;
            }

            Discard();
            _source.RemoveFailed();
        }
    }

    private void FailRejected(RecordBatch batch, long fromOffset, IReadOnlyDictionary<long, string>? rejected)
    {
        for (var i = 0; rejected is not null && i < batch.Count; i++)
        {
            if (batch.Offset(i) >= fromOffset && rejected.TryGetValue(batch.Offset(i), out var reason))
            {
                _context.Fail(i, "PostgreSQL", new RecordRejectedException(reason));
            }
        }
    }

    private void Discard()
    {
        foreach (var step in _steps)
        {
            step.Discard();
        }
    }

    public void Dispose()
    {
        _source.Dispose();
        foreach (var step in _steps)
        {
            step.Dispose();
        }

        _changes.Dispose();
        while (_spare.TryPop(out var spare))
        {
            spare.Dispose();
        }
    }
}
