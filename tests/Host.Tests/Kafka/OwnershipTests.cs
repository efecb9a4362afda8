using Confluent.Kafka;
using Streams.Hosting.Kafka;
using TopicPartition = Streams.Processors.TopicPartition;

namespace Streams.Hosting.Tests.Kafka;

public sealed class OwnershipTests
{
    private static readonly Confluent.Kafka.TopicPartition Native = new("clicks", 3);
    private static readonly TopicPartition Partition = new("clicks", 3);

    [Fact]
    public void start_offsets_of_the_listener_are_handed_on()
    {
        var ownership = new Ownership(new Listener(p => [.. p.Select(x => new PartitionOffset(x, 40 + x.Partition))]));
        var starts = ownership.Assigned([Native, new("clicks", 1)]);
        Assert.Equal([new(Native, 43), new("clicks", 1, 41)], starts.Select(s => new TopicPartitionOffset(s.TopicPartition, s.Offset)));
        Assert.True(ownership.Owns(Partition));
        ownership.Revoked([new(Native, 44)]);
        Assert.False(ownership.Owns(Partition));
        Assert.True(ownership.Owns(new("clicks", 1)));
        Assert.False(ownership.Failed);
    }

    [Fact]
    public void a_partition_taken_and_given_back_within_one_read_is_read_again()
    {
        var ownership = new Ownership(new Listener(p => [.. p.Select(x => new PartitionOffset(x, 7))]));
        ownership.Assigned([Native]);
        Assert.Empty(ownership.Rereads);

        ownership.ReadBegins();
        ownership.Lost([new(Native, 44)]);
        ownership.Assigned([Native]);
        Assert.False(ownership.Owns(Partition));
        Assert.Equal(KeyValuePair.Create(Partition, 7L), Assert.Single(ownership.Rereads));

        ownership.Reread(Partition);
        Assert.True(ownership.Owns(Partition));

        ownership.ReadBegins();
        ownership.Revoked([new(Native, 44)]);
        ownership.ReadBegins();
        ownership.Assigned([Native]);
        Assert.True(ownership.Owns(Partition));
    }

    [Fact]
    public void a_listener_that_forgets_a_partition_is_told_so()
    {
        var ownership = new Ownership(new Listener(_ => []));
        ownership.Assigned([Native]);
        Assert.False(ownership.Owns(Partition));
        var thrown = Assert.Throws<InvalidOperationException>(ownership.ThrowIfFailed);
        Assert.Contains("clicks-3", thrown.Message, StringComparison.Ordinal);
    }

    private sealed class Listener(Func<IReadOnlyList<TopicPartition>, IReadOnlyList<PartitionOffset>> assigned) : IRebalanceListener
    {
        public IReadOnlyList<PartitionOffset> Assigned(IReadOnlyList<TopicPartition> partitions) => assigned(partitions);

        public void Revoked(IReadOnlyList<TopicPartition> partitions)
        {
        }

        public void Lost(IReadOnlyList<TopicPartition> partitions)
        {
        }
    }
}
