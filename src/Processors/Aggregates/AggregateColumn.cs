namespace Streams.Processors;

/// <summary>How an aggregate fills its columns: the columns, and what makes a fresh accumulator for those that are written.</summary>
internal sealed record AggregateColumn<TValue>(IReadOnlyList<Column> Columns, Func<Accumulator<TValue>>? Create);
