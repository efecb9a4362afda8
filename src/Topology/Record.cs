namespace Streams;

/// <summary>One event as it flows through a topology.</summary>
/// <param name="Key">The key. <c>default</c> when no operator downstream of the source reads it: such keys are not decoded.</param>
/// <param name="Value">The value.</param>
/// <param name="Time">Event time, UTC.</param>
/// <param name="Index">The position, in its batch, of the source record that this record comes from; never decreases within a batch.</param>
public readonly record struct Record<TKey, TValue>(TKey Key, TValue Value, DateTime Time, int Index);

/// <summary>A function of a record that takes it where it lies: records are too large to be copied for each call.</summary>
internal delegate TResult RecordFunc<TKey, TValue, out TResult>(in Record<TKey, TValue> record);
