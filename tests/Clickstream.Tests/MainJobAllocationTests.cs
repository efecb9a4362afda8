using Streams.Processors;
using Streams.Processors.Testing;
using Xunit;

namespace Clickstream.Tests;

/// <summary>What the engine allocates per click of the main job once its buffers have grown: next to nothing.</summary>
public sealed class MainJobAllocationTests
{
    private const int ClicksPerBatch = 1_000;
    private const int BatchesPerRound = 20;
    private const int Rounds = 10;
    private const int FirstErrorStatus = 400;

    private static readonly DateTime _start = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    /// <summary>Allocated bytes per click among clicks that are all errors, or none of which is; a commit after every fifth batch.</summary>
    private static double PerClick(bool errors)
    {
        var clicks = new ClickGenerator(seed: 1, _start, clicksPerSecond: 1_000);
        var codec = new ClickCodec();
        using var task = new StreamTask(
            new TaskLayout(ClickstreamTopology.Build()), new TopicPartition("clickstream", 0), new TaskOptions(), nextOffset: 0, streamTime: null);
        var least = double.MaxValue;
        var offset = 0L;
        for (var round = 0; round < Rounds; round++)
        {
            MemoryRecordBatch[] batches = [.. Enumerable.Range(0, BatchesPerRound).Select(_ => new MemoryRecordBatch(task.Partition, Next()))];
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var b = 0; b < batches.Length; b++)
            {
                task.Process(batches[b], _start.AddDays(1));
                if (b % 5 == 4)
                {
                    var changes = task.TakeChanges();
                    Assert.Equal(errors ? 5 * ClicksPerBatch : 0, changes.Outputs[0].Count);
                    task.Recycle(changes);
                }
            }

            // The steady state is what counts: until the runtime has compiled its own methods for good, those allocate now and then.
            least = Math.Min(least, (GC.GetAllocatedBytesForCurrentThread() - before) / (double)(BatchesPerRound * ClicksPerBatch));
        }

        return least;

        List<LogRecord> Next()
        {
            var records = new List<LogRecord>(ClicksPerBatch);
            while (records.Count < ClicksPerBatch)
            {
                clicks.Next();
                if (codec.Decode(clicks.Value).Status >= FirstErrorStatus == errors)
                {
                    records.Add(new LogRecord(offset++, clicks.Key.ToArray(), clicks.Value.ToArray(), 1_767_225_600_000, []));
                }
            }

            return records;
        }
    }

    [Fact]
    public void a_click_that_is_filtered_out_allocates_nearly_nothing() => Assert.InRange(PerClick(errors: false), 0, 8);

    [Fact]
    public void an_error_costs_the_engine_less_than_a_hundred_bytes() => Assert.InRange(PerClick(errors: true), 0, 100);
}
