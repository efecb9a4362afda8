using System.Diagnostics;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using Streams.Processors;

namespace Streams.Hosting.Tests.Kafka;

internal sealed record ReadRecord(
    TopicPartition Partition,
    long Offset,
    byte[]? Key,
    byte[]? Value,
    long? TimestampMs,
    IReadOnlyList<KeyValuePair<string, byte[]?>> Headers)
{
    public string Text => System.Text.Encoding.UTF8.GetString(Value!);
}

/// <summary>A consumer with its listener, driven by the test's own thread; copies what it reads.</summary>
internal sealed class Reader : IRebalanceListener, IDisposable
{
    public static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);
    /// <summary>A timestamp for records. Brokers delete records with old ones, whenever they happen to look.</summary>
    public static readonly long Now = TimeProvider.System.GetUtcNow().ToUnixTimeMilliseconds();

    private readonly Dictionary<TopicPartition, long> _starts = [];

    public Reader(KafkaSettings settings, string group, params string[] topics)
    {
        Consumer = new KafkaConsumer(settings, new(group, "reader"), this, Failures.Add, NullLogger.Instance);
        Consumer.Subscribe(topics);
    }

    public KafkaConsumer Consumer { get; }

    public List<KafkaFailure> Failures { get; } = [];

    public List<ReadRecord> Records { get; } = [];

    public List<string> Events { get; } = [];

    public HashSet<TopicPartition> Owned { get; } = [];

    /// <summary>Called with each assignment before it is answered.</summary>
    public Action? OnAssigned { get; set; }

    public Action? OnRevoked { get; set; }

    public Reader StartAt(TopicPartition partition, long offset)
    {
        _starts[partition] = offset;
        return this;
    }

    public int Poll(int milliseconds = 100)
    {
        var batches = new List<NativeRecordBatch>();
        var count = Consumer.Poll(TimeSpan.FromMilliseconds(milliseconds), batches);
        Assert.Equal(count, batches.Sum(b => b.Count));
        Assert.Equal(batches.Count, batches.Select(b => b.Partition).Distinct().Count());
        foreach (var batch in batches)
        {
            Assert.Contains(batch.Partition, Owned);
            for (var i = 0; i < batch.Count; i++)
            {
                var headers = new HeaderList();
                batch.CopyHeaders(i, headers);
                Records.Add(new(
                    batch.Partition,
                    batch.Offset(i),
                    batch.HasKey(i) ? batch.Key(i).ToArray() : null,
                    batch.HasValue(i) ? batch.Value(i).ToArray() : null,
                    batch.TimestampMs(i),
                    HeaderList.Unpack(headers.Packed)));
            }

            batch.Dispose();
        }

        return count;
    }

    /// <summary>Polls until a condition holds; fails with what was read when it does not.</summary>
    public void PollUntil(Func<bool> condition, string what)
    {
        var started = Stopwatch.GetTimestamp();
        while (!condition())
        {
            Assert.True(
                Stopwatch.GetElapsedTime(started) < Patience,
                $"Waiting for {what}: {Records.Count} records, events {string.Join(", ", Events)}, failures {string.Join(", ", Failures)}");
            Poll();
        }
    }

    public void PollFor(TimeSpan time)
    {
        var started = Stopwatch.GetTimestamp();
        while (Stopwatch.GetElapsedTime(started) < time)
        {
            Poll();
        }
    }

    public void ReadCount(int count) => PollUntil(() => Records.Count >= count, $"{count} records");

    public IReadOnlyList<PartitionOffset> Assigned(IReadOnlyList<TopicPartition> partitions)
    {
        Events.Add($"+{string.Join('+', partitions.Select(p => p.Partition).Order())}");
        Owned.UnionWith(partitions);
        OnAssigned?.Invoke();
        return [.. partitions.Select(p => new PartitionOffset(p, _starts.GetValueOrDefault(p, PartitionOffset.Beginning)))];
    }

    public void Revoked(IReadOnlyList<TopicPartition> partitions)
    {
        Events.Add($"-{string.Join('-', partitions.Select(p => p.Partition).Order())}");
        Owned.ExceptWith(partitions);
        OnRevoked?.Invoke();
    }

    public void Lost(IReadOnlyList<TopicPartition> partitions)
    {
        Events.Add($"!{string.Join('!', partitions.Select(p => p.Partition).Order())}");
        Owned.ExceptWith(partitions);
    }

    public void Dispose() => Consumer.Close();
}
