namespace Streams.Processors;

/// <summary>
/// <c>.ToTable(table)</c>: writes a row per record, in the transaction that commits the offsets. By default rows are
/// appended under the record's origin; with a key the table keeps the last row of each.
/// </summary>
public static class ToTableOperator
{
    /// <summary>Ends a stream in a table, which is created when missing.</summary>
    /// <param name="stream">The records.</param>
    /// <param name="table">The table's name; at most 63 bytes.</param>
    /// <param name="mapping">Changes to the conventional columns; see <see cref="TableMapping{TKey, TValue}"/>.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <example><code>errors.ToTable("errors", t => t.WithRawValue("click"))</code></example>
    public static void ToTable<TKey, TValue>(
        this Stream<TKey, TValue> stream, string table, Action<TableMapping<TKey, TValue>>? mapping = null, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        var map = new TableMapping<TKey, TValue>();
        mapping?.Invoke(map);
        stream.Node.Builder.Add(new TableSinkNode<TKey, TValue>(stream, table, map, name));
    }
}

internal sealed class TableSinkNode<TKey, TValue> : TaskNode, IRowNode
{
    private static readonly Column[] _origin =
    [
        new("topic", ColumnType.Text, Merge: MergeRule.Key),
        new("partition", ColumnType.Integer, Merge: MergeRule.Key),
        new("offset", ColumnType.BigInt, Merge: MergeRule.Key),
    ];

    private readonly Stream<TKey, TValue> _stream;
    private readonly TableMapping<TKey, TValue> _mapping;
    private readonly bool _byOrigin;
    private readonly ValueColumn<Record<TKey, TValue>>[] _columns;
    private readonly ValueColumn<Record<TKey, TValue>>[] _keys;

    public TableSinkNode(Stream<TKey, TValue> stream, string table, TableMapping<TKey, TValue> mapping, string? name)
        : base(stream.Node.Builder, NodeKind.TableSink, "TABLE", name, stream.Node)
    {
        _stream = stream;
        _mapping = mapping;
        _byOrigin = mapping.Keys.Count == 0;
        _keys = [.. mapping.Keys];
        _columns = [.. mapping.Keys, .. mapping.ValueColumns(withTime: _byOrigin)];
        Table = new TableSchema(table, _byOrigin ? TableKind.Append : TableKind.Upsert, [.. OriginColumns, .. _columns.Select(c => c.Column), .. RawColumns])
        {
            Schema = mapping.Schema,
        };
    }

    public override TableSchema Table { get; }

    public override bool ReadsKey => _mapping.ReadsKey;

    public override IEnumerable<string> Problems
    {
        get
        {
            foreach (var problem in _mapping.Problems)
            {
                yield return problem;
            }

            if (_mapping.RawColumn is not null && !_stream.ValueAsRead)
            {
                yield return $"WithRawValue(\"{_mapping.RawColumn}\") needs the value as it was read, and an operator changed it; write the table from the stream before that operator";
            }

            if (_byOrigin && _columns.Length == 0 && _mapping.RawColumn is null)
            {
                yield return $"table '{Table.Name}' has no columns for the value: {typeof(TValue).Name} has no public properties; map them with .Column(name, ...)";
            }
        }
    }

    /// <summary>Where one record can become several, its place among them is the last part of its key.</summary>
    private IEnumerable<Column> OriginColumns => _byOrigin
        ? [.. _origin, .. _stream.OneToOne ? Array.Empty<Column>() : [new Column("ordinal", ColumnType.Integer, Merge: MergeRule.Key)], new Column("time", ColumnType.Timestamp)]
        : [];

    private IEnumerable<Column> RawColumns => _mapping.RawColumn is { } raw ? [new Column(raw, ColumnType.Json, Nullable: true)] : [];

    public RowBuffer CreateRows() => new(Table);

    public override Step CreateStep(TaskBuilder task) => new TableStep(this, task.Output<TKey, TValue>(Inputs[0]), task.Context, task.RowSlot(this));

    private sealed class TableStep(TableSinkNode<TKey, TValue> node, Batch<TKey, TValue> input, BatchContext context, int slot)
        : RecordStep<TKey, TValue>(node.Name, input, context)
    {
        private readonly string _topic = context.Partition.Topic;
        private readonly int _partition = context.Partition.Partition;
        private readonly bool _hasOrdinal = !node._stream.OneToOne;
        private int _lastIndex;
        private int _ordinal;

        private RowBuffer Rows => Context.Changes.Rows[slot];

        public override void Run()
        {
            _lastIndex = -1;
            base.Run();
        }

        public override void Accept() => Rows.Accept();

        public override void Discard() => Rows.Discard();

        protected override void Process(in Record<TKey, TValue> record)
        {
            var rows = Rows;
            var row = rows.Count;
            try
            {
                Append(rows, in record);
            }
            catch
            {
                rows.TruncateTo(row);
                throw;
            }
        }

        private void Append(RowBuffer rows, in Record<TKey, TValue> record)
        {
            var next = 0;
            if (node._byOrigin)
            {
                ((ColumnBuffer<string>)rows.Columns[next++]).Append(_topic);
                ((ColumnBuffer<int>)rows.Columns[next++]).Append(_partition);
                ((ColumnBuffer<long>)rows.Columns[next++]).Append(Context.Source.Offset(record.Index));
                if (_hasOrdinal)
                {
                    _ordinal = record.Index == _lastIndex ? _ordinal + 1 : 0;
                    _lastIndex = record.Index;
                    ((ColumnBuffer<int>)rows.Columns[next++]).Append(_ordinal);
                }

                ((ColumnBuffer<DateTime>)rows.Columns[next++]).Append(record.Time);
            }
            else
            {
                CheckKey(in record);
            }

            foreach (var column in node._columns)
            {
                column.Append(in record, rows.Columns[next++]);
            }

            if (node._mapping.RawColumn is not null)
            {
                AppendRaw((BytesColumnBuffer)rows.Columns[next], record.Index);
            }
        }

        private void CheckKey(in Record<TKey, TValue> record)
        {
            long bytes = 0;
            foreach (var key in node._keys)
            {
                bytes += key.KeyBytes(in record);
            }

            PostgresText.CheckKeySize(bytes, node.Table.Name);
        }

        private void AppendRaw(BytesColumnBuffer column, int index)
        {
            if (Context.Source.HasValue(index))
            {
                column.Append(Context.Source.Value(index));
            }
            else
            {
                column.AppendNull();
            }
        }
    }
}
