using Streams.Bench.Children;
using Streams.Bench.Measuring;

namespace Streams.Bench.Throughput;

/// <summary>The limit: reads the input and adds up its bytes.</summary>
internal static class LimitRun
{
    public static ChildResult Run(Job job)
    {
        using var reader = new BareReader(NodeRun.KafkaSettings(job), job.Topic, Servers.TopicPartitions);
        var progress = new Progress(job.Traffic.Clicks);
        var bytes = 0L;
        var records = 0L;
        Usage? start = null;
        Usage? middle = null;
        while (records < job.Traffic.Clicks)
        {
            var before = start ?? Usage.Now(records);
            var read = reader.Read(ref bytes);
            start ??= read > 0 ? before : null;
            records += read;
            middle ??= records >= job.Traffic.Clicks / 2 ? Usage.Now(records) : null;
            progress.Report(records);
        }

        var end = Usage.Now(records);
        return ChildResult.Of(start!.Value, middle!.Value, end) with { Facts = new() { Clicks = records, Bytes = bytes } };
    }
}
