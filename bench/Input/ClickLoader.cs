using Microsoft.Extensions.Logging.Abstractions;
using Streams.Bench.Children;
using Streams.Hosting.Kafka;
using Streams.Processors;

namespace Streams.Bench.Input;

/// <summary>Fills the input topic, as fast as one process can.</summary>
internal static class ClickLoader
{
    private const int BatchClicks = 2000;

    // Large batches, as busy producers make them, and a queue that the client's thread can always take from.
    private static readonly KeyValuePair<string, string>[] Properties =
    [
        new("linger.ms", "50"),
        new("compression.type", "lz4"),
        new("queue.buffering.max.messages", "500000"),
        new("queue.buffering.max.kbytes", "262144"),
    ];

    public static InputFacts Run(Job job)
    {
        var settings = new KafkaSettings(job.Kafka, producer: Properties);
        string? failed = null;
        using var producer = new KafkaProducer(settings, "bench-load", transactionalId: null, failure => failed = failure.Reason, NullLogger.Instance);
        using var batch = new OutputBuffer(job.Topic);
        var clicks = job.Traffic.Generator();
        var counter = new FactCounter();
        var progress = new Progress(job.Traffic.Clicks);
        while (clicks.Count < job.Traffic.Clicks)
        {
            batch.Clear();
            var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            for (var n = Math.Min(BatchClicks, job.Traffic.Clicks - clicks.Count); n > 0; n--)
            {
                clicks.Next();
                counter.Add(clicks.Key, clicks.Value);
                batch.Add(clicks.Key, hasKey: true, clicks.Value, hasValue: true, now, packedHeaders: default);
            }

            producer.Send(batch, 0, batch.Count);
            progress.Report(clicks.Count);
        }

        try
        {
            producer.Flush(TimeSpan.FromMinutes(2));
        }
        catch (KafkaFailureException e) when (failed is not null)
        {
            throw new BenchException($"The clicks did not all arrive in {job.Topic}: {failed}", e);
        }

        return counter.Facts;
    }
}
