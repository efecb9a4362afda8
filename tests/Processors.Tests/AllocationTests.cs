using System.Buffers;
using System.Buffers.Binary;
using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>What runs per record allocates nothing once the buffers have grown: a garbage collector that has nothing to do does not pause.</summary>
public sealed class AllocationTests
{
    private const int RecordsPerBatch = 1_000;
    private const int BatchesPerRound = 20;
    private const int Rounds = 10;

    private readonly record struct Sample(long Group, double Number);

    private readonly record struct Parity(long Group, bool Even);

    private sealed class SampleCodec : ICodec<Sample>
    {
        public string Name => "sample";

        public Sample Decode(ReadOnlySpan<byte> bytes) => new(BinaryPrimitives.ReadInt64BigEndian(bytes), BinaryPrimitives.ReadDoubleBigEndian(bytes[8..]));

        public void Encode(Sample value, IBufferWriter<byte> output)
        {
            var span = output.GetSpan(16);
            BinaryPrimitives.WriteInt64BigEndian(span, value.Group);
            BinaryPrimitives.WriteDoubleBigEndian(span[8..], value.Number);
            output.Advance(16);
        }
    }

    /// <summary>Allocated bytes per record, with a commit after every fifth batch.</summary>
    private static double PerRecord(Action<Stream<long, Sample>> declare)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Int64, new SampleCodec()));
        using var task = new StreamTask(new TaskLayout(builder.Build()), new TopicPartition("in", 0), new TaskOptions(), 0, null);
        var batches = new MemoryRecordBatch[Rounds * BatchesPerRound];
        for (var b = 0; b < batches.Length; b++)
        {
            var records = new LogRecord[RecordsPerBatch];
            for (var i = 0; i < records.Length; i++)
            {
                using var value = new ByteBuffer();
                new SampleCodec().Encode(new Sample(i % 50, i), value);
                records[i] = new LogRecord((b * RecordsPerBatch) + i, [0, 0, 0, 0, 0, 0, 0, (byte)i], value.Written.ToArray(), 1_000L * b, []);
            }

            batches[b] = new MemoryRecordBatch(task.Partition, records);
        }

        // The steady state is what counts: until the runtime has compiled its own methods for good, those allocate now and then.
        var least = double.MaxValue;
        for (var round = 0; round < Rounds; round++)
        {
            var before = GC.GetAllocatedBytesForCurrentThread();
            for (var b = round * BatchesPerRound; b < (round + 1) * BatchesPerRound; b++)
            {
                task.Process(batches[b], EngineRun.Now);
                if (b % 5 == 4)
                {
                    task.Recycle(task.TakeChanges());
                }
            }

            least = Math.Min(least, (GC.GetAllocatedBytesForCurrentThread() - before) / (double)(BatchesPerRound * RecordsPerBatch));
        }

        return least;
    }

    [Fact]
    public void filtering_and_forwarding_allocates_nothing() =>
        Assert.InRange(PerRecord(s => s.Filter(v => v.Number > 100).To("out")), 0, 0.1);

    [Fact]
    public void mapping_and_encoding_allocates_nothing() =>
        Assert.InRange(
            PerRecord(s =>
            {
                var branches = s.MapValues((key, v) => new Sample(key, v.Number)).Branch(v => v.Group > 3, _ => true);
                branches[0].Merge(branches[1]).SelectKey(v => v.Group).To("out", Codecs.Int64, new SampleCodec());
            }),
            0,
            0.1);

    [Fact]
    public void counting_allocates_nothing() =>
        Assert.InRange(
            PerRecord(s => s.GroupBy(v => new Parity(v.Group, v.Number % 2 == 0)).WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)))
                .Count().Sum(v => v.Number).Sum(v => v.Group, "groups").Max(v => v.Number).ToTable("t")),
            0,
            0.1);

    [Fact]
    public void writing_rows_allocates_nothing() =>
        Assert.InRange(
            PerRecord(s =>
            {
                s.ToTable("by_convention");
                s.ToTable("latest", t => t.Key("grp", v => v.Group).KeyOf("k", r => r.Key).Column("number", v => v.Number));
            }),
            0,
            0.1);
}
