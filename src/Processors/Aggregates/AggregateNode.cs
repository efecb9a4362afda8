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
        : new TableSchema(TableName, TableKind.Aggregate, [.. WindowColumns, .. _key.Columns, .. Columns.SelectMany(c => c.Columns)])
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
        grouped.Windows is null ? [] : [new Column(TimeWindows.StartColumn, ColumnType.Timestamp, Merge: MergeRule.Key)];

    public AggregateChanges CreateChanges() =>
        new DeltaMap<TGroup, TValue>(new AggregateShape<TGroup, TValue>(Table!, grouped.Windows is not null, _key, Columns));

    public override Step CreateStep(TaskBuilder task) =>
        new AggregateStep(this, grouped, task.Output<TKey, TValue>(Inputs[0]), task.Context, task.AggregateSlot(this));

    private sealed class AggregateStep(
        AggregateNode<TKey, TValue, TGroup> node, GroupedStream<TKey, TValue, TGroup> grouped, Batch<TKey, TValue> input, BatchContext context, int slot)
        : RecordStep<TKey, TValue>(node.Name, input, context)
    {
        private readonly TimeWindows? _windows = grouped.Windows;
        private readonly RecordFunc<TKey, TValue, TGroup> _selector = grouped.Selector;

        private DeltaMap<TGroup, TValue> Deltas => (DeltaMap<TGroup, TValue>)Context.Changes.Aggregates[slot];

        public override void Accept() => Deltas.Accept();

        public override void Discard() => Deltas.Discard();

        protected override void Process(in Record<TKey, TValue> record)
        {
            if (_windows is null)
            {
                Deltas.Add(new WindowedKey<TGroup>(default, _selector(in record)), record.Value);
                return;
            }

            var streamTime = Context.StreamTimeAt(record.Index);
            var start = _windows.LastStartOf(record.Time);
            if (!IsOpen(start, streamTime, record.Index))
            {
                return;
            }

            var group = _selector(in record);
            do
            {
                Deltas.Add(new WindowedKey<TGroup>(start, group), record.Value);
            }
            while (_windows.TryPrevious(record.Time, ref start) && IsOpen(start, streamTime, record.Index));
        }

        /// <summary>When it is not, the windows before it are not either.</summary>
        private bool IsOpen(DateTime start, DateTime streamTime, int record)
        {
            if (!_windows!.IsClosed(start, streamTime))
            {
                return true;
            }

            Context.MarkLate(record);
            return false;
        }
    }
}
