namespace Streams.Processors;

/// <summary>Adds records up per group and window, in memory, for the commit cycle to merge into the table.</summary>
internal sealed class AggregateNode<TKey, TValue, TGroup>(GroupedStream<TKey, TValue, TGroup> grouped, string role)
    : TaskNode(grouped.Stream.Node.Builder, NodeKind.TableSink, role, null, grouped.Stream.Node), IAggregateNode
{
    private readonly KeyShape<TGroup> _key = new(grouped.Column);

    public List<AggregateColumn<TValue>> Columns { get; } = [];

    public string? TableName { get; set; }

    public string? Schema { get; set; }

    public string? ChangelogTopic { get; set; }

    public override bool ReadsKey => grouped.ReadsKey;

    public override TableSchema? Table => TableName is null
        ? null
        : new TableSchema(TableName, TableKind.Aggregate, [.. WindowColumns, .. _key.Columns, .. ValueColumns.SelectMany(c => c.Columns)])
        {
            Schema = Schema,
            ChangelogTopic = ChangelogTopic,
            Windows = grouped.Windows,
        };

    public override IEnumerable<string> Problems =>
    [
        .. TableName is null ? ["the aggregate has no table to live in; add .ToTable(name)"] : Array.Empty<string>(),
        .. _key.Problems,
        .. grouped.Windows?.Problems() ?? [],
    ];

    private IEnumerable<Column> WindowColumns =>
        grouped.Windows is TimeWindows ? [new Column(TimeWindows.StartColumn, ColumnType.Timestamp, Merge: MergeRule.Key)] : [];

    /// <summary>A session's rows are found by their group, and then by their time: so its start is the last column of the key.</summary>
    private IReadOnlyList<AggregateColumn<TValue>> ValueColumns =>
        grouped.Windows is SessionWindows ? [SessionBounds.Start<TValue>(), SessionBounds.End<TValue>(), .. Columns] : Columns;

    public AggregateChanges CreateChanges() =>
        new DeltaMap<TGroup, TValue>(new AggregateShape<TGroup, TValue>(Table!, grouped.Windows is TimeWindows, _key, ValueColumns));

    public override Step CreateStep(TaskBuilder task)
    {
        var (input, slot) = (task.Output<TKey, TValue>(Inputs[0]), task.AggregateSlot(this));
        return grouped.Windows switch
        {
            TimeWindows windows => new WindowStep<TKey, TValue, TGroup>(this, grouped.Selector, windows, input, task.Context, slot),
            SessionWindows sessions => new SessionStep<TKey, TValue, TGroup>(this, grouped.Selector, sessions, input, task.Context, slot),
            _ => new AggregateStep<TKey, TValue, TGroup>(this, grouped.Selector, input, task.Context, slot),
        };
    }
}
