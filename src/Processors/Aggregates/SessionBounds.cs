namespace Streams.Processors;

/// <summary>The two columns that say from when to when a session reaches. The first is part of its key; it moves when an earlier record comes.</summary>
internal static class SessionBounds
{
    public static AggregateColumn<TValue> Start<TValue>() => new(
        [new Column(SessionWindows.StartColumn, ColumnType.Timestamp, Merge: MergeRule.Key)], () => new TimeAccumulator<TValue>(isEarliest: true));

    public static AggregateColumn<TValue> End<TValue>() => new(
        [new Column(SessionWindows.EndColumn, ColumnType.Timestamp, Merge: MergeRule.Greatest)], () => new TimeAccumulator<TValue>(isEarliest: false));
}

/// <summary>The first or the last of the records' times.</summary>
internal sealed class TimeAccumulator<TValue>(bool isEarliest) : NumberAccumulator<TValue, DateTime>
{
    protected override DateTime Select(in TValue value, DateTime time) => time;

    protected override DateTime Combine(DateTime left, DateTime right) => left < right == isEarliest ? left : right;
}
