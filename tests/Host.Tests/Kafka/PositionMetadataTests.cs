using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Tests.Kafka;

public sealed class PositionMetadataTests
{
    private static readonly TopicPartition Partition = new("clickstream", 3);

    [Fact]
    public void a_position_comes_back_as_it_was_committed()
    {
        var position = new LogPosition(Partition, 1234, Era: 2, LastReplay: 77);
        var offset = PositionMetadata.ToOffset(position);

        Assert.Equal(new PartitionOffset(Partition, 1234, "era=2 replay=77"), offset);
        Assert.Equal(position, PositionMetadata.ToPosition(offset));
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("somebody else's text")]
    [InlineData("era=x replay=-1")]
    [InlineData("replay=99999999999999999999 era=")]
    public void what_is_not_ours_counts_as_the_first_era_without_replays(string? metadata) =>
        Assert.Equal(new LogPosition(Partition, 5), PositionMetadata.ToPosition(new PartitionOffset(Partition, 5, metadata)));
}
