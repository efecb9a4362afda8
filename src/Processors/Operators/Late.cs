namespace Streams.Processors;

/// <summary>
/// <c>.Late()</c>: passes on the records that came too late for all of their windows, unchanged and in order. They changed nothing in the
/// aggregates of these windows; what becomes of them is for the stream's end to say.
/// </summary>
/// <remarks>
/// Late is judged as the windows judge it: by the stream time of the record's source partition. A record that hopping windows take in
/// part is counted in <c>streams_records_late_total</c>, and does not come here: it would count again in those that took it.
/// </remarks>
public static class LateOperator
{
    /// <summary>The records that the windows no longer take.</summary>
    /// <param name="grouped">Groups with windows. What is grouped by does not matter.</param>
    /// <param name="name">The node's name; generated when absent.</param>
    /// <example><code>
    /// var minutes = errors.GroupBy(e => e.Path).WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)));
    /// minutes.Count().ToTable("error_counts");
    /// minutes.Late().To("late-errors");
    /// </code></example>
    public static Stream<TKey, TValue> Late<TKey, TValue, TGroup>(this GroupedStream<TKey, TValue, TGroup> grouped, string? name = null)
    {
        ArgumentNullException.ThrowIfNull(grouped);
        return grouped.Stream.Same(grouped.Stream.Node.Builder.Add(new LateNode<TKey, TValue>(grouped.Stream, grouped.Windows, name)));
    }
}

internal sealed class LateNode<TKey, TValue>(Stream<TKey, TValue> input, Windows? windows, string? name)
    : TaskNode(input.Node.Builder, NodeKind.Processor, "LATE", name, input.Node)
{
    public override IEnumerable<string> Problems =>
        windows?.Problems() ?? ["nothing is late without windows; put .WindowedBy(...) before .Late()"];

    public override Step CreateStep(TaskBuilder task) =>
        new LateStep<TKey, TValue>(Name, task.Output<TKey, TValue>(Inputs[0]), task.Context, task.Output<TKey, TValue>(this), windows!);
}

internal sealed class LateStep<TKey, TValue>(
    string name, Batch<TKey, TValue> input, BatchContext context, Batch<TKey, TValue> output, Windows windows)
    : OperatorStep<TKey, TValue, TKey, TValue>(name, input, context, output)
{
    protected override void Process(in Record<TKey, TValue> record)
    {
        if (windows.IsLate(record.Time, Context.StreamTimeAt(record.Index)))
        {
            Output.Add(in record);
        }
    }
}
