using Streams.Hosting.Runtime;

namespace Streams.Hosting.Tests.Runtime;

public sealed class IdlePartitionsTests
{
    private const string Rest = "Nothing is skipped silently, and the other partitions go on; the command \"offsets reset clicks-3 --to earliest\" (or latest, or an offset) says where this one shall.";

    [Theory]
    [InlineData(120, 500, 901, "the topic has 500 to 900. The 380 offsets from 120 to 499 are lost: retention or somebody deleted them before they were read.")]
    [InlineData(120, 500, 500, "the topic has no record left; its next one will be 500. The 380 offsets from 120 to 499 are lost: retention or somebody deleted them before they were read.")]
    [InlineData(120, 0, 40, "the topic has 0 to 39. The topic ends before that: it was deleted and created again, or its broker lost what it had.")]
    [InlineData(120, 0, 500, "the topic has 0 to 499. It is there by now.")]
    public void a_partition_that_stands_still_says_what_is_lost_and_what_to_do(long offset, long first, long end, string middle) =>
        Assert.Equal($"clicks-3 stands still: it is to go on at offset {offset}, and {middle} {Rest}", IdlePartitions.Describe(new("clicks", 3), offset, first, end));
}
