using Streams.Processors;

namespace Streams.Tests;

public sealed class DescriptionTests
{
    private static void Is(string expected, string actual) => Assert.Equal(expected.ReplaceLineEndings("\n"), actual);

    [Fact]
    public void the_clickstream_as_kafka_streams_would_write_it() => Is(
        """
        Topologies:
           Sub-topology: 0
            Source: SOURCE-0000000000 (topics: [clickstream])
              --> FILTER-0000000001
            Processor: FILTER-0000000001 (stores: [])
              --> SINK-0000000002, TABLE-0000000003, AGGREGATE-0000000004
              <-- SOURCE-0000000000
            Sink: SINK-0000000002 (topic: errors)
              <-- FILTER-0000000001
            Sink: TABLE-0000000003 (table: errors)
              <-- FILTER-0000000001
            Sink: AGGREGATE-0000000004 (table: error_counts, topic: error-counts)
              <-- FILTER-0000000001


        """,
        Samples.Clickstream().Build().Describe());

    [Fact]
    public void the_clickstream_as_a_picture() => Is(
        """
        flowchart LR
            n0[/"clickstream"/]
            n1["FILTER-0000000001"]
            n2[\"errors"\]
            n3[("errors")]
            n4[("error_counts")]
            n4 --> n4c[\"error-counts"\]
            n0 --> n1
            n1 --> n2
            n1 --> n3
            n1 --> n4

        """,
        Samples.Clickstream().Build().DescribeAsMermaid());

    [Fact]
    public void merges_branches_and_parts_in_words() => Is(
        """
        Topologies:
           Sub-topology: 0
            Source: web (topics: [web])
              --> BRANCH-0000000002, BRANCH-0000000003
            Source: SOURCE-0000000001 (topics: [mobile])
              --> MERGE-0000000005
            Processor: BRANCH-0000000002 (stores: [])
              --> MERGE-0000000005
              <-- web
            Processor: BRANCH-0000000003 (stores: [])
              --> upper
              <-- web
            Processor: upper (stores: [])
              --> MERGE-0000000005
              <-- BRANCH-0000000003
            Processor: MERGE-0000000005 (stores: [])
              --> everything
              <-- SOURCE-0000000001, BRANCH-0000000002, upper
            Sink: everything (topic: all-clicks)
              <-- MERGE-0000000005

           Sub-topology: 1
            Source: SOURCE-0000000007 (topics: [audit])
              --> PEEK-0000000008
            Processor: PEEK-0000000008 (stores: [])
              --> none
              <-- SOURCE-0000000007


        """,
        Samples.MergeAndBranch().Build().Describe());

    [Fact]
    public void merges_branches_and_parts_as_a_picture() => Is(
        """
        flowchart LR
            n0[/"web"/]
            n1[/"mobile"/]
            n2["BRANCH-0000000002"]
            n3["BRANCH-0000000003"]
            n4["upper"]
            n5["MERGE-0000000005"]
            n6[\"all-clicks"\]
            n7[/"audit"/]
            n8["PEEK-0000000008"]
            n0 --> n2
            n0 --> n3
            n3 --> n4
            n1 --> n5
            n2 --> n5
            n4 --> n5
            n5 --> n6
            n7 --> n8

        """,
        Samples.MergeAndBranch().Build().DescribeAsMermaid());

    [Fact]
    public void quotes_in_names_do_not_break_the_picture()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8).ToTable("a\"b");
        Assert.Contains("    n1[(\"a#quot;b\")]\n", builder.Build().DescribeAsMermaid(), StringComparison.Ordinal);
    }

    [Fact]
    public void a_repartition_is_a_topic_between_two_parts()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Int64).SelectKey(number => number % 7).Repartition("by-remainder", Codecs.Int64).Reduce("largest", Math.Max).To("out");
        var topology = builder.Build();
        Assert.Equal(["in", "by-remainder"], topology.SourceTopics);
        Assert.Equal(["by-remainder"], topology.RepartitionTopics);
        Assert.Equal(["by-remainder", "out"], topology.SinkTopics);
        Assert.Equal(["by-remainder"], topology.SourcesOf("out"));
        Is(
            """
            Topologies:
               Sub-topology: 0
                Source: SOURCE-0000000000 (topics: [in])
                  --> SELECTKEY-0000000001
                Processor: SELECTKEY-0000000001 (stores: [])
                  --> SINK-0000000002
                  <-- SOURCE-0000000000
                Sink: SINK-0000000002 (topic: by-remainder)
                  <-- SELECTKEY-0000000001

               Sub-topology: 1
                Source: SOURCE-0000000003 (topics: [by-remainder])
                  --> REDUCE-0000000004
                Processor: REDUCE-0000000004 (stores: [largest])
                  --> SINK-0000000005
                  <-- SOURCE-0000000003
                Sink: SINK-0000000005 (topic: out)
                  <-- REDUCE-0000000004


            """,
            topology.Describe());
        Assert.Contains("    n2 --> n3\n", topology.DescribeAsMermaid(), StringComparison.Ordinal);
    }

    [Fact]
    public void a_topology_knows_its_topics_tables_and_what_feeds_them()
    {
        var topology = Samples.Clickstream().Build();
        Assert.Equal(["clickstream"], topology.SourceTopics);
        Assert.Equal(["errors", "error-counts"], topology.SinkTopics);
        Assert.Equal(["errors", "error_counts"], topology.Tables.Select(t => t.Name));
        Assert.Equal(
            [
                new("window_start", ColumnType.Timestamp, Merge: MergeRule.Key), new("path", ColumnType.Text, Merge: MergeRule.Key),
                new("status", ColumnType.Integer, Merge: MergeRule.Key), new Column("n", ColumnType.BigInt, Merge: MergeRule.Add),
            ],
            topology.Tables[1].Columns);
        Assert.Equal(["clickstream"], topology.SourcesOf("error-counts"));
        Assert.Equal(["mobile", "web"], Samples.MergeAndBranch().Build().SourcesOf("all-clicks"));
    }
}
