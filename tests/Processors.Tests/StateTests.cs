using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

/// <summary>Fold, Reduce and Process: a state per key, in a table.</summary>
public sealed class StateTests
{
    private static EngineRun Run(Action<Stream<string, Reading>> declare, TaskOptions? options = null, MemoryTables? tables = null, long nextOffset = 0)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time));
        return new EngineRun(builder.Build(), options, tables: tables, nextOffset: nextOffset);
    }

    private static LogRecord Record(long offset, string? key, long number) => EngineRun.Record(offset, key, Reading.Text("g", number));

    private static void Sums(Stream<string, Reading> s) => s.Fold("sums", () => 0L, (sum, r) => sum + r.Number).To("out", valueCodec: Codecs.Json<long>());

    private static void Lists(Stream<string, Reading> s) => s.Fold(
        "lists",
        () => new List<long>(),
        (list, r) =>
        {
            // Changes the object that it got, as a user may.
            list.Add(r.Number);
            return r.Number == 13 ? throw new InvalidOperationException("13 is refused.") : list;
        }).To("out");

    [Fact]
    public void a_fold_keeps_a_state_per_key_and_puts_out_each_that_a_record_leads_to()
    {
        using var run = Run(Sums);
        run.Process(Record(0, "a", 1), Record(1, "b", 10), Record(2, "a", 2));
        run.Process(Record(3, "b", 20), Record(4, "a", 3));
        run.Commit();
        Assert.Equal(["out a=1", "out b=10", "out a=3", "out b=30", "out a=6"], run.Sent);
        Assert.Equal(["in 0 a 6", "in 0 b 30"], run.Rows("sums"));
    }

    [Fact]
    public void a_reduce_begins_with_the_first_value()
    {
        using var run = Run(s => s.MapValues(r => r.Number).Reduce("largest", Math.Max).To("out"));
        run.Process(Record(0, "a", 5), Record(1, "a", 3), Record(2, "b", -1), Record(3, "a", 8));
        run.Commit();
        Assert.Equal(["out a=5", "out a=5", "out b=-1", "out a=8"], run.Sent);
        Assert.Equal(["in 0 a 8", "in 0 b -1"], run.Rows("largest"));
    }

    private sealed record Seen(long Number);

    private static void Deduplicate(Stream<string, Reading> s) => s
        .Process("seen", (Record<string, Reading> record, Seen? seen, Action<string> emit) =>
        {
            if (record.Value.Number == 0)
            {
                return null;
            }

            if (seen?.Number != record.Value.Number)
            {
                emit($"{record.Key} {record.Value.Number} at {record.Time:HH:mm}");
                emit("and");
            }

            return new Seen(record.Value.Number);
        })
        .To("out", valueCodec: Codecs.Utf8);

    [Fact]
    public void a_processor_emits_what_it_wants_and_a_null_takes_the_state_away()
    {
        using var run = Run(Deduplicate);
        run.Process(Record(0, "a", 1), Record(1, "a", 1), Record(2, "b", 2), Record(3, "a", 0), Record(4, "a", 1));
        run.Commit();
        Assert.Equal(["out a=a 1 at 12:00", "out a=and", "out b=b 2 at 12:00", "out b=and", "out a=a 1 at 12:00", "out a=and"], run.Sent);
        Assert.Equal(["""in 0 a {"Number":1}""", """in 0 b {"Number":2}"""], run.Rows("seen"));

        run.Process(Record(5, "a", 0), Record(6, "c", 0));
        run.Commit();
        Assert.Equal(["""in 0 b {"Number":2}"""], run.Rows("seen"));

        run.Process(Record(7, "a", 1));
        run.Commit();
        Assert.Equal(["""in 0 a {"Number":1}""", """in 0 b {"Number":2}"""], run.Rows("seen"));
    }

    [Fact]
    public void what_is_emitted_after_the_processor_has_returned_is_refused()
    {
        Action<string>? kept = null;
        using var run = Run(s => s.Process("t", (Record<string, Reading> record, Seen? seen, Action<string> emit) =>
        {
            kept = emit;
            return seen;
        }).To("out", valueCodec: Codecs.Utf8));
        run.Process(Record(0, "a", 1));
        Assert.Equal(
            "A processor emits before it returns; what it emits later has no record to belong to.",
            Assert.Throws<InvalidOperationException>(() => kept!("late")).Message);
    }

    [Fact]
    public void an_object_that_a_fold_changes_in_place_changes_nothing_that_was_put_out_or_is_run_again()
    {
        using var run = Run(Lists);
        run.Process(Record(0, "a", 1), Record(1, "a", 2), Record(2, "a", 13), Record(3, "a", 4), Record(4, "b", 13), Record(5, "a", 5));
        run.Commit();
        Assert.Equal(["out a=[1]", "out a=[1,2]", "out a=[1,2,4]", "out a=[1,2,4,5]"], run.Sent);
        Assert.Equal(["in 0 a [1,2,4,5]"], run.Rows("lists"));
        Assert.Equal(["in-0@2 FOLD-0000000001: 13 is refused.", "in-0@4 FOLD-0000000001: 13 is refused."], run.DeadLetters);
    }

    [Fact]
    public void a_record_that_fails_further_down_leaves_no_state_behind()
    {
        using var run = Run(s =>
        {
            s.Fold("sums", () => 0L, (sum, r) => sum + r.Number);
            s.MapValues(r => r.Number < 0 ? throw new InvalidOperationException("It is negative.") : r.Number).To("out", valueCodec: Codecs.Int64);
        });
        run.Process(Record(0, "a", 1), Record(1, "a", -5), Record(2, "b", -1));
        run.Process(Record(3, "a", 2), Record(4, "a", -7));
        run.Commit();
        Assert.Equal(["in 0 a 3"], run.Rows("sums"));
    }

    [Fact]
    public void a_record_does_not_fail_for_what_one_did_that_fails_itself()
    {
        using var run = Run(s => s
            .Fold("sums", () => 0L, (sum, r) => sum + r.Number > 10 ? throw new InvalidOperationException("That is too much.") : sum + r.Number)
            .MapValues(sum => sum == 9 ? throw new InvalidOperationException("Not nine.") : sum)
            .To("out", valueCodec: Codecs.Int64));
        run.Process(Record(0, "a", 1), Record(1, "a", 8), Record(2, "a", 5), Record(3, "a", 6), Record(4, "a", 4));
        run.Commit();
        Assert.Equal(["in-0@1 MAPVALUES-0000000002: Not nine.", "in-0@3 FOLD-0000000001: That is too much."], run.DeadLetters);
        Assert.Equal(["in 0 a 10"], run.Rows("sums"));
    }

    [Fact]
    public void a_batch_whose_records_all_fail_costs_a_few_times_as_much_as_one_that_goes_through()
    {
        const int Records = 2_000;
        var calls = 0;
        using var run = Run(s => s.Fold("sums", () => 0L, (_, _) =>
        {
            calls++;
            throw new InvalidOperationException("Never.");
        }));
        run.Process([.. Enumerable.Range(0, Records).Select(i => Record(i, $"k{i % 7}", 1))]);
        run.Commit();
        Assert.Equal(Records, run.DeadLetters.Count);
        Assert.InRange(calls, Records, 6 * Records);
    }

    [Fact]
    public void a_state_that_cannot_be_stored_is_the_fault_of_the_record_that_made_it()
    {
        using var run = Run(s => s.Fold("texts", () => "", (text, r) => r.Number == 7 ? "NUL \0" : text + r.Number).To("out", valueCodec: Codecs.Utf8));
        run.Process(Record(0, "a", 1), Record(1, "a", 7), Record(2, "a", 2), Record(3, "a", 3));
        run.Commit();
        Assert.Equal(["out a=1", "out a=12", "out a=123"], run.Sent);
        Assert.Equal(["in-0@1 FOLD-0000000001: Column state: the JSON holds \\u0000, which PostgreSQL's jsonb cannot store."], run.DeadLetters);
    }

    [Fact]
    public void a_codec_that_writes_no_json_is_told_so()
    {
        using var run = Run(s => s.Fold("t", () => 0L, (sum, r) => sum + r.Number, Codecs.Int64));
        run.Process(Record(0, "a", 1));
        run.Commit();
        Assert.StartsWith("in-0@0 FOLD-0000000001: Column state: not JSON that PostgreSQL can store: ", Assert.Single(run.DeadLetters), StringComparison.Ordinal);
    }

    [Fact]
    public void a_record_without_a_key_is_a_dead_letter()
    {
        using var run = Run(Sums);
        run.Process(Record(0, null, 1), Record(1, "a", 2), Record(2, "nul \0", 3), Record(3, new string('k', 2597), 4));
        run.Commit();
        Assert.Equal(["out a=2"], run.Sent);
        Assert.Equal(
            [
                "in-0@0 FOLD-0000000001: The key is null, and table sums keeps a state per key.",
                "in-0@2 FOLD-0000000001: Column key: the text holds U+0000, which PostgreSQL cannot store.",
                "in-0@3 FOLD-0000000001: Table sums: the key has 2603 bytes; its index takes at most 2600.",
            ],
            run.DeadLetters);
    }

    [Fact]
    public void a_state_that_cannot_be_decoded_makes_its_records_dead_letters_until_it_is_mended()
    {
        using var writer = Run(s => s.Fold("sums", () => "", (_, r) => r.Number < 0 ? "no number" : $"{r.Number}"));
        writer.Process(Record(0, "a", -1));
        writer.Commit();
        using var run = Run(Sums, tables: writer.Tables);
        run.Process(Record(0, "a", 5), Record(1, "c", 6));
        run.Commit();
        Assert.Equal(["out c=6"], run.Sent);
        Assert.StartsWith("in-0@0 FOLD-0000000001: The state of this record's key in table sums cannot be decoded: ", Assert.Single(run.DeadLetters), StringComparison.Ordinal);

        writer.Process(Record(1, "a", 40));
        writer.Commit();
        run.Process(Record(2, "a", 2));
        run.Commit();
        Assert.Equal(["out c=6", "out a=42"], run.Sent);
    }

    [Fact]
    public void states_are_loaded_once_for_a_batch_and_kept()
    {
        using var run = Run(Sums);
        run.Process([.. Enumerable.Range(0, 100).Select(i => Record(i, $"k{i % 10}", 1))]);
        Assert.Equal((1, 10), run.Loads);
        run.Process([.. Enumerable.Range(100, 100).Select(i => Record(i, $"k{i % 20}", 1))]);
        Assert.Equal((2, 20), run.Loads);
        run.Commit();
        run.Process([.. Enumerable.Range(200, 100).Select(i => Record(i, $"k{i % 20}", 1))]);
        Assert.Equal((2, 20), run.Loads);
    }

    [Fact]
    public void a_batch_that_is_put_off_has_done_nothing()
    {
        var builder = new StreamBuilder();
        var readings = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time);
        readings.To("all");
        readings.GroupBy(r => r.Group, "grp").Count("n").ToTable("counts");
        Sums(readings);
        var topology = builder.Build();
        using var task = new StreamTask(new TaskLayout(topology), new TopicPartition("in", 0), new TaskOptions(), 0, null);
        using var batch = new MemoryRecordBatch(task.Partition, [Record(0, "a", 1), EngineRun.Record(1, "a", "junk")]);
        Assert.False(task.Process(batch, EngineRun.Now));
        Assert.False(task.HasChanges);
        Assert.Equal((0L, 0L), (task.NextOffset, task.PendingBytes));
        Assert.Null(task.StreamTime);
        Assert.Equal("sums", Assert.Single(task.Missing).Table.Name);

        // Unless somebody loads them they are missing still.
        Assert.False(task.Process(batch, EngineRun.Now));
        new MemoryTables(topology).Load(task.Partition, task.Missing);
        Assert.True(task.Process(batch, EngineRun.Now));
        Assert.Equal((2L, 2L), (task.NextOffset, task.PendingRecords));
        Assert.Single(task.TakeChanges().DeadLetters);
    }

    [Fact]
    public void what_is_not_committed_stays_in_memory_however_much_it_is()
    {
        using var run = Run(Sums, new TaskOptions { StateCacheBytes = 0 });
        for (var i = 0; i < 50; i++)
        {
            run.Process(Record(2 * i, "a", 1), Record((2 * i) + 1, $"k{i}", 1));
        }

        // Every key was looked for once: what the table does not have yet cannot be read from it.
        Assert.Equal((50, 51), run.Loads);
        run.Commit();
        Assert.Equal("in 0 a 50", run.Rows("sums")[0]);
        run.Process(Record(100, "x", 1));
        run.Process(Record(101, "y", 1));
        run.Process(Record(102, "k0", 1));
        Assert.Equal((53, 54), run.Loads);
        run.Commit();
        Assert.Contains("in 0 k0 2", run.Rows("sums"));
    }

    [Fact]
    public void a_state_that_stays_as_it_is_is_not_written_again()
    {
        using var run = Run(s => s.MapValues(r => r.Number).Reduce("largest", Math.Max));
        run.Process(Record(0, "a", 5));
        run.Commit();
        run.Process(Record(1, "a", 3), Record(2, "a", 5));
        Assert.Equal(0, run.Task.TakeChanges().Rows[0].Count);
    }

    [Fact]
    public void a_replayed_dead_letter_finds_the_state_of_its_key()
    {
        var refused = new HashSet<long> { 2 };
        using var run = Run(s => s.Fold("sums", () => 0L, (sum, r) => refused.Contains(r.Number) ? throw new InvalidOperationException("Refused.") : sum + r.Number)
            .To("out", valueCodec: Codecs.Json<long>()));
        run.Process(Record(0, "a", 1), Record(1, "a", 2), Record(2, "a", 4));
        run.Commit();
        refused.Clear();
        var letter = Assert.Single(run.Tables.DeadLetters);
        using var next = Run(Sums, tables: run.Tables, nextOffset: 3);
        next.Replay(new ReplayRecord(letter.Partition, letter.Offset, 1) { RawKey = letter.Key, RawValue = letter.Value, KafkaTimeMs = letter.TimestampMs });
        next.Commit();
        Assert.Equal(["out a=7"], next.Sent);
        Assert.Equal(["in 0 a 7"], next.Rows("sums"));
        Assert.Equal((1, 1), next.Loads);
    }

    [Fact]
    public void the_driver_keeps_states_and_gives_them_as_rows()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Int64).Fold("sums", () => 0L, (sum, number) => sum + number).To("out");
        using var driver = new TopologyDriver(builder.Build(), new TopologyDriverOptions { StartTime = EngineRun.Now });
        driver.Pipe("in", Codecs.Utf8, Codecs.Int64, "a", 1);
        driver.Pipe("in", Codecs.Utf8, Codecs.Int64, "a", 2, partition: 1);
        driver.Pipe("in", Codecs.Utf8, Codecs.Int64, "a", 3);
        Assert.Equal([1, 2, 4], driver.ReadOutput("out", Codecs.Utf8, Codecs.Json<long>()).Select(r => r.Value));
        Assert.Equal([new Sum("in", 0, "a", "4"), new Sum("in", 1, "a", "2")], driver.Table<Sum>("sums"));
    }

    private sealed record Sum(string Topic, int Partition, string Key, string State);

    [Fact]
    public void a_key_of_several_columns_is_one_key()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Json<Place>(), Codecs.Int64).Fold("sums", () => 0L, (sum, number) => sum + number);
        using var run = new EngineRun(builder.Build());
        run.Process(
            new LogRecord(0, """{"City":"Ulm","House":1}"""u8.ToArray(), [0, 0, 0, 0, 0, 0, 0, 5], EngineRun.Milliseconds(EngineRun.Now), []),
            new LogRecord(1, """{"House":1, "City":"Ulm"}"""u8.ToArray(), [0, 0, 0, 0, 0, 0, 0, 6], EngineRun.Milliseconds(EngineRun.Now), []));
        run.Commit();
        Assert.Equal(["in 0 Ulm 1 11"], run.Rows("sums"));
    }

    private sealed record Place(string City, int House);

    [Fact]
    public void what_would_part_the_records_of_a_key_is_told_at_build_time()
    {
        var builder = new StreamBuilder();
        var left = builder.Stream("left", Codecs.Utf8, Codecs.Int64);
        var right = builder.Stream("right", Codecs.Utf8, Codecs.Int64);
        left.Merge(right).Reduce("merged", Math.Max);
        left.SelectKey(number => number).Reduce("rekeyed", Math.Max);
        builder.Stream("bytes", Codecs.Bytes, Codecs.Int64).Reduce("by_bytes", Math.Max);
        Assert.Equal(
            [
                "REDUCE-0000000003: its records come from the topics left, right, and a key would have a state in each; add .Repartition(topic) after the merge",
                "REDUCE-0000000005: the key was changed after its topic was read, so records of one key may be in several partitions, and each would have a state of its own; add .Repartition(topic) before this operator",
                "REDUCE-0000000007: keys of type Byte[] cannot be told apart as PostgreSQL tells them apart; use text, a number, a Guid, or a record of these, without times and byte arrays",
            ],
            Assert.Throws<TopologyException>(builder.Build).Problems);
    }

    private sealed record Order(string Id, decimal Amount, DateTime Time);

    private sealed record Customer(int Orders, decimal Total);

    /// <summary>As docs/state.md has them.</summary>
    [Fact]
    public void the_documented_examples_do_what_is_said()
    {
        var builder = new StreamBuilder();
        var orders = builder.Stream("orders", Codecs.Utf8, Codecs.Json<Order>(), order => order.Time);

        orders
            .Fold("customers", () => new Customer(0, 0), (customer, order) => new Customer(customer.Orders + 1, customer.Total + order.Amount))
            .To("customers");

        orders.Reduce("largest_orders", (largest, order) => order.Amount > largest.Amount ? order : largest);

        orders.Process("last_orders", (Record<string, Order> record, Order? last, Action<Order> emit) =>
        {
            if (last?.Id != record.Value.Id)
            {
                emit(record.Value);
            }

            return record.Value;
        }).To("orders-once", valueCodec: Codecs.Json<Order>());

        using var driver = new TopologyDriver(builder.Build(), new TopologyDriverOptions { StartTime = EngineRun.Now });
        foreach (var (id, amount) in new[] { ("1", 10m), ("1", 10m), ("2", 2.5m) })
        {
            driver.Pipe("orders", Codecs.Utf8, Codecs.Json<Order>(), "ann", new Order(id, amount, EngineRun.Now));
        }

        Assert.Equal([new(1, 10), new(2, 20), new(3, 22.5m)], driver.ReadOutput("customers", Codecs.Utf8, Codecs.Json<Customer>()).Select(r => r.Value!));
        Assert.Equal(["1", "2"], driver.ReadOutput("orders-once", Codecs.Utf8, Codecs.Json<Order>()).Select(r => r.Value!.Id));
        Assert.Equal("""{"Orders":3,"Total":22.5}""", Assert.Single(driver.Table("customers"))["state"]);
        Assert.StartsWith("""{"Id":"1","Amount":10.0,""", (string)Assert.Single(driver.Table("largest_orders"))["state"]!, StringComparison.Ordinal);
    }

    [Fact]
    public void a_fold_alone_is_a_whole_topology_and_its_description_names_its_table()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Int64).Fold("sums", () => 0L, (sum, number) => sum + number, name: "sum");
        var topology = builder.Build();
        Assert.Contains("Processor: sum (stores: [sums])", topology.Describe(), StringComparison.Ordinal);
        Assert.Contains("n1 <--> n1s[(\"sums\")]", topology.DescribeAsMermaid(), StringComparison.Ordinal);
    }
}
