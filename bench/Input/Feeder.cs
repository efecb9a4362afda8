using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Bench.Children;
using Streams.Hosting.Kafka;
using Streams.Processors;

namespace Streams.Bench.Input;

/// <summary>Sends clicks evenly at a rate, each with the time of sending as its Kafka timestamp and, nearly, as its event time.</summary>
internal static class Feeder
{
    private static readonly TimeSpan Tick = TimeSpan.FromMilliseconds(1);

    public static InputFacts Run(Job job)
    {
        var settings = new KafkaSettings(job.Kafka, producer: [new("linger.ms", "1"), new("compression.type", "lz4")]);
        using var producer = new KafkaProducer(settings, "bench-feed", transactionalId: null, _ => { }, NullLogger.Instance);
        using var batch = new OutputBuffer(job.Topic);
        var counter = new FactCounter();
        var traffic = job.Traffic with { Start = DateTime.UtcNow, ClicksPerSecond = job.Rate };
        var clicks = traffic.Generator();
        var progress = new Progress(traffic.Clicks);
        var started = Stopwatch.GetTimestamp();
        while (clicks.Count < traffic.Clicks)
        {
            var due = Math.Min(traffic.Clicks, (long)(Stopwatch.GetElapsedTime(started).TotalSeconds * job.Rate));
            if (due <= clicks.Count)
            {
                Thread.Sleep(Tick);
                continue;
            }

            batch.Clear();
            var now = DateTimeOffset.UtcNow.ToUnixTimeMilliseconds();
            while (clicks.Count < due)
            {
                clicks.Next();
                counter.Add(clicks.Key, clicks.Value);
                batch.Add(clicks.Key, hasKey: true, clicks.Value, hasValue: true, now, packedHeaders: default);
            }

            producer.Send(batch, 0, batch.Count);
            progress.Report(clicks.Count);
        }

        producer.Flush(TimeSpan.FromMinutes(1));
        return counter.Facts;
    }
}
