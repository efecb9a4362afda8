namespace Streams.Processors;

/// <summary>Adds records up per group, in memory.</summary>
internal class AggregateStep<TKey, TValue, TGroup>(
    AggregateNode<TKey, TValue, TGroup> node, RecordFunc<TKey, TValue, TGroup> group, Batch<TKey, TValue> input, BatchContext context, int slot)
    : RecordStep<TKey, TValue>(node.Name, input, context)
{
    protected DeltaMap<TGroup, TValue> Deltas => (DeltaMap<TGroup, TValue>)Context.Changes.Aggregates[slot];

    public override void Accept() => Deltas.Accept();

    public override void Discard() => Deltas.Discard();

    protected override void Process(in Record<TKey, TValue> record) => Add(default, GroupOf(in record), in record);

    protected TGroup GroupOf(in Record<TKey, TValue> record) => group(in record);

    protected void Add(DateTime start, TGroup group, in Record<TKey, TValue> record) =>
        Deltas.Add(new WindowedKey<TGroup>(start, group), record.Value, record.Time);
}

/// <summary>The same, per window.</summary>
internal sealed class WindowStep<TKey, TValue, TGroup>(
    AggregateNode<TKey, TValue, TGroup> node, RecordFunc<TKey, TValue, TGroup> group, TimeWindows windows, Batch<TKey, TValue> input, BatchContext context, int slot)
    : AggregateStep<TKey, TValue, TGroup>(node, group, input, context, slot)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        var streamTime = Context.StreamTimeAt(record.Index);
        var start = windows.LastStartOf(record.Time);
        if (!IsOpen(start, streamTime, record.Index))
        {
            return;
        }

        var group = GroupOf(in record);
        do
        {
            Add(start, group, in record);
        }
        while (windows.TryPrevious(record.Time, ref start) && IsOpen(start, streamTime, record.Index));
    }

    /// <summary>When it is not, the windows before it are not either.</summary>
    private bool IsOpen(DateTime start, DateTime streamTime, int record)
    {
        if (!windows.IsClosed(start, streamTime))
        {
            return true;
        }

        Context.MarkLate(record);
        return false;
    }
}

/// <summary>
/// The same, per stretch of a session: what lies within one gap. PostgreSQL puts stretches and sessions that meet together, whichever task
/// they come from.
/// </summary>
internal sealed class SessionStep<TKey, TValue, TGroup>(
    AggregateNode<TKey, TValue, TGroup> node, RecordFunc<TKey, TValue, TGroup> group, SessionWindows sessions, Batch<TKey, TValue> input, BatchContext context, int slot)
    : AggregateStep<TKey, TValue, TGroup>(node, group, input, context, slot)
{
    private readonly bool _hasChangelog = node.ChangelogTopic is not null;

    protected override void Process(in Record<TKey, TValue> record)
    {
        if (sessions.IsLate(record.Time, Context.StreamTimeAt(record.Index)))
        {
            Context.MarkLate(record.Index);
            return;
        }

        var group = GroupOf(in record);
        Add(sessions.StretchOf(record.Time), group, in record);
        if (_hasChangelog && Context.Source.Offset(record.Index) < Context.MuteBelow)
        {
            Deltas.AddMuted(in group, record.Time);
        }
    }
}
