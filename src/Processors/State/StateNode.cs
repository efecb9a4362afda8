namespace Streams.Processors;

/// <summary>What an operator does with a record and its key's state.</summary>
/// <param name="record">The record.</param>
/// <param name="state">The state; the function may put another one in its place.</param>
/// <param name="exists">Whether the key has a state.</param>
/// <param name="output">Takes what comes out.</param>
/// <returns>Whether the key has a state from now on.</returns>
internal delegate bool StateFunction<TKey, TValue, TState, TOut>(in Record<TKey, TValue> record, ref TState? state, bool exists, Batch<TKey, TOut> output);

/// <summary>
/// An operator with a state per key, kept in a table: a row per topic, partition and key, whose last column is the state as JSON.
/// A state belongs to its task, so all records of a key must come to one task: the key must be the one that the topic is partitioned by.
/// </summary>
internal sealed class StateNode<TKey, TValue, TState, TOut> : TaskNode, IRowNode
    where TKey : notnull
{
    public const string StateColumn = "state";
    private readonly Stream<TKey, TValue> _stream;
    private readonly Func<StateFunction<TKey, TValue, TState, TOut>> _function;

    /// <param name="stream">The records.</param>
    /// <param name="role">The operator's word in generated names.</param>
    /// <param name="table">The table of states.</param>
    /// <param name="codec">Reads and writes a state; must write JSON.</param>
    /// <param name="function">Makes what the operator does; one for each task.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    public StateNode(
        Stream<TKey, TValue> stream, string role, string table, ICodec<TState>? codec, Func<StateFunction<TKey, TValue, TState, TOut>> function, string? name)
        : base(stream.Node.Builder, NodeKind.Processor, role, name, stream.Node)
    {
        _stream = stream;
        _function = function;
        Codec = codec ?? Codecs.Json<TState>();
        Table = new TableSchema(
            table,
            TableKind.State,
            [
                new Column("topic", ColumnType.Text, Merge: MergeRule.Key),
                new Column("partition", ColumnType.Integer, Merge: MergeRule.Key),
                .. Shape.Columns,
                new Column(StateColumn, ColumnType.Json),
            ]);
    }

    public override TableSchema Table { get; }

    public ICodec<TState> Codec { get; }

    public KeyShape<TKey> Shape { get; } = new(column: null);

    public override bool ReadsKey => true;

    public override IEnumerable<string> Problems
    {
        get
        {
            foreach (var problem in Shape.Problems)
            {
                yield return problem;
            }

            if (Shape is { Problems.Count: 0, IsExact: false })
            {
                yield return $"keys of type {typeof(TKey).Name} cannot be told apart as PostgreSQL tells them apart; use text, a number, a Guid, or a record of these, without times and byte arrays";
            }

            if (!_stream.KeyAsRead)
            {
                yield return "the key was changed after its topic was read, so records of one key may be in several partitions, and each would have a state of its own; add .Repartition(topic) before this operator";
            }

            if (Topology.SourcesOf(this).Skip(1).Any())
            {
                yield return $"its records come from the topics {string.Join(", ", Topology.SourcesOf(this))}, and a key would have a state in each; add .Repartition(topic) after the merge";
            }
        }
    }

    /// <summary>A row without a state takes its key's row away.</summary>
    public RowBuffer CreateRows() => new(Table, Table.Columns.Select(c => c.Merge == MergeRule.Key ? c : c with { Nullable = true }));

    public StateFunction<TKey, TValue, TState, TOut> CreateFunction() => _function();

    public override Step CreateStep(TaskBuilder task) => new StateStep<TKey, TValue, TState, TOut>(
        this, task.Output<TKey, TValue>(Inputs[0]), task.Context, task.Output<TKey, TOut>(this), task.RowSlot(this));
}
