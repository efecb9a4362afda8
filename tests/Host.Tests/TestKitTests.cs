using Npgsql;
using TestKit;

namespace Streams.Hosting.Tests;

public sealed class TestKitTests(TestPostgres postgres, TestKafka kafka)
{
    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(30);

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    [Fact]
    public async Task each_test_has_a_database_of_its_own()
    {
        string one = await postgres.CreateDatabaseAsync(Cancel);
        string two = await postgres.CreateDatabaseAsync(Cancel);
        await using NpgsqlDataSource first = NpgsqlDataSource.Create(one);
        await using NpgsqlDataSource second = NpgsqlDataSource.Create(two);
        await first.CreateCommand("CREATE TABLE t (n int)").ExecuteNonQueryAsync(Cancel);
        await second.CreateCommand("CREATE TABLE t (n int)").ExecuteNonQueryAsync(Cancel);
        Assert.Equal("off", await first.CreateCommand("SHOW fsync").ExecuteScalarAsync(Cancel));
        Assert.Equal("on", await first.CreateCommand("SHOW synchronous_commit").ExecuteScalarAsync(Cancel));
    }

    [Fact]
    public async Task the_writer_writes_and_the_reader_reads_everything_in_order()
    {
        string topic = TestKafka.UniqueName("clicks");
        await kafka.CreateTopicAsync(topic, 3);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, topic, Enumerable.Range(0, 20_000).Select(i => TestMessage.Of($"{i % 100}", $"{i}")));
        IReadOnlyList<TestRecord> read = await TopicReader.ReadToEndAsync(kafka.BootstrapServers, topic);
        Assert.Equal(20_000, read.Count);
        Assert.Equal([0, 1, 2], read.Select(r => r.Partition).Distinct());
        Assert.All(read.GroupBy(r => r.KeyText), key =>
            Assert.Equal(Enumerable.Range(0, 200).Select(i => $"{(i * 100) + int.Parse(key.Key!, System.Globalization.CultureInfo.InvariantCulture)}"), key.Select(r => r.ValueText)));
    }

    [Fact]
    public async Task the_reader_sees_of_transactions_what_was_committed()
    {
        Assert.SkipUnless(kafka.IsReal, "The embedded Kafka shows the records of aborted transactions, too.");
        string topic = TestKafka.UniqueName("errors");
        await kafka.CreateTopicAsync(topic, 1, new Dictionary<string, string> { ["max.message.bytes"] = "5000000" });
        using Confluent.Kafka.IProducer<string, string> producer = new Confluent.Kafka.ProducerBuilder<string, string>(new Confluent.Kafka.ProducerConfig
        {
            BootstrapServers = kafka.BootstrapServers,
            TransactionalId = topic,
        }).Build();
        await Eventually.True(() => { producer.InitTransactions(Patience); return true; }, Patience, "a new broker's transactions are ready");
        producer.BeginTransaction();
        await producer.ProduceAsync(topic, new() { Value = "aborted" }, Cancel);
        producer.AbortTransaction(Patience);
        producer.BeginTransaction();
        await producer.ProduceAsync(topic, new() { Value = "committed" }, Cancel);
        producer.CommitTransaction(Patience);
        Assert.Equal(["committed"], (await TopicReader.ReadToEndAsync(kafka.BootstrapServers, topic)).Select(r => r.ValueText));
        Assert.Equal(["aborted", "committed"],
            (await TopicReader.ReadToEndAsync(kafka.BootstrapServers, topic, readCommitted: false)).Select(r => r.ValueText));
    }

    [Fact]
    public async Task a_broker_of_ones_own_stops_and_comes_back_with_its_records()
    {
        await using TestKafka own = await TestKafka.StartOwnAsync();
        Assert.SkipUnless(own.CanStop, "The Kafka is somebody else's.");
        string topic = TestKafka.UniqueName("clicks");
        await own.CreateTopicAsync(topic, 1);
        await TopicWriter.WriteAsync(own.BootstrapServers, topic, [TestMessage.Of("k", "v")]);
        await own.StopAsync();
        await own.StartAsync();
        if (own.CanPause)
        {
            own.Pause();
            await Assert.ThrowsAsync<TimeoutException>(() => TopicReader.ReadToEndAsync(own.BootstrapServers, topic, patience: TimeSpan.FromSeconds(1)));
            own.Resume();
        }
        Assert.Equal(["v"], (await TopicReader.ReadToEndAsync(own.BootstrapServers, topic)).Select(r => r.ValueText));
        if (own.CanPause)
        {
            await own.KillAsync();
            Assert.Throws<InvalidOperationException>(() => own.Pause());
        }
    }

    [Fact]
    public async Task a_process_is_read_signalled_and_killed()
    {
        await using NodeProcess node = NodeProcess.Start("/bin/sh",
            ["-c", "trap 'echo asked; exit 3' TERM; echo $GREETING; echo error >&2; while :; do sleep 0.05; done"],
            new Dictionary<string, string?> { ["GREETING"] = "hello there" });
        Assert.Equal("hello there", await node.WaitForLineAsync("hello", Patience));
        await node.WaitForLineAsync("error", Patience);
        Assert.True(node.Signal(ProcessSignal.Stop));
        Assert.True(node.Signal(ProcessSignal.Continue));
        Assert.True(node.Signal(ProcessSignal.Terminate));
        Assert.Equal(3, await node.WaitForExitAsync(Patience));
        Assert.Contains("asked", node.Lines);
        Assert.False(node.Signal(ProcessSignal.Kill));

        await using NodeProcess stubborn = NodeProcess.Start("/bin/sh", ["-c", "trap '' TERM; echo up; sleep 60"]);
        await stubborn.WaitForLineAsync("up", Patience);
        stubborn.Signal(ProcessSignal.Terminate);
        await stubborn.KillAsync();
        Assert.Equal(137, await stubborn.WaitForExitAsync(Patience));
    }

    [Fact]
    public async Task waiting_in_vain_says_for_what_and_what_was_seen_last()
    {
        TimeoutException e = await Assert.ThrowsAsync<TimeoutException>(() =>
            Eventually.Equal(5, () => Task.FromResult(4), TimeSpan.FromMilliseconds(50), "the number of rows"));
        Assert.Equal("Not within 0.1 s: the number of rows is 5; the last value was 4.", e.Message);
    }
}
