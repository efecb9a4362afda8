namespace Streams.Processors.Tests;

public sealed class FailureTests
{
    private static EngineRun Run(Action<Stream<string, Reading>> declare, TaskOptions? options = null)
    {
        var builder = new StreamBuilder();
        declare(builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time));
        return new EngineRun(builder.Build(), options);
    }

    private static InvalidOperationException Refusal(Reading reading) => new($"{reading.Number} is refused.");

    /// <summary>Three sinks of three kinds before one that refuses negative numbers.</summary>
    private static void FourSinks(Stream<string, Reading> s)
    {
        s.To("out");
        s.ToTable("rows", t => t.Column("number", r => r.Number));
        s.GroupBy(r => r.Group, "grp").Count("n").ToTable("counts");
        s.MapValues(r => r.Number < 0 ? throw Refusal(r) : r).To("last", valueCodec: new ReadingCodec());
    }

    [Fact]
    public void what_the_last_sink_refuses_takes_effect_in_none()
    {
        using var run = Run(FourSinks);
        run.Process(EngineRun.Record(0, "k", "a|1"), EngineRun.Record(1, "k", "a|-2"), EngineRun.Record(2, "k", "b|-3"), EngineRun.Record(3, "k", "a|4"));
        run.Commit();
        Assert.Equal(["out k=a|1", "out k=a|4", "last k=a|1", "last k=a|4"], run.Sent);
        Assert.Equal(["in 0 0 2026-01-01T12:00:00 1", "in 0 3 2026-01-01T12:00:00 4"], run.Rows("rows"));
        Assert.Equal(["a 2"], run.Rows("counts"));
        Assert.Equal(["in-0@1 MAPVALUES-0000000004: -2 is refused.", "in-0@2 MAPVALUES-0000000004: -3 is refused."], run.DeadLetters);
        Assert.Equal(4, run.Records);
    }

    [Fact]
    public void a_failure_after_earlier_batches_leaves_those_as_they_were()
    {
        using var run = Run(FourSinks);
        run.Process(EngineRun.Record(0, "k", "a|1"), EngineRun.Record(1, "k", "b|1"));
        run.Process(EngineRun.Record(2, "k", "a|-1"), EngineRun.Record(3, "k", "c|1"));
        run.Commit();
        Assert.Equal(["out k=a|1", "out k=b|1", "out k=c|1", "last k=a|1", "last k=b|1", "last k=c|1"], run.Sent);
        Assert.Equal(["a 1", "b 1", "c 1"], run.Rows("counts"));
        Assert.Equal(3, run.Rows("rows").Count);
    }

    [Fact]
    public void a_dead_letter_says_where_and_why_and_holds_the_raw_bytes()
    {
        using var run = Run(FourSinks);
        run.Process(EngineRun.Record(7, "k", "a|-1"), EngineRun.Record(8, "key", "junk"), EngineRun.Record(9, null, null), EngineRun.Record(10, "k", ""));
        run.Commit();
        var letters = run.Tables.DeadLetters.ToList();
        Assert.Equal(
            [
                "in-0@7 MAPVALUES-0000000004: -1 is refused.",
                "in-0@8 SOURCE-0000000000: The reading is not group|number|milliseconds.",
                "in-0@9 SOURCE-0000000000: The value is null.",
                "in-0@10 SOURCE-0000000000: The reading is not group|number|milliseconds.",
            ],
            run.DeadLetters);
        Assert.Equal("a|-1"u8.ToArray(), letters[0].Value);
        Assert.Equal("key"u8.ToArray(), letters[1].Key);
        Assert.Null(letters[2].Key);
        Assert.Null(letters[2].Value);
        Assert.Empty(letters[3].Value!);
        Assert.Equal(EngineRun.Milliseconds(EngineRun.Now), letters[0].TimestampMs);

        // A fault in code comes with its stack; a fault of the data explains itself.
        Assert.Contains($"at {typeof(FailureTests).FullName}", letters[0].Error, StringComparison.Ordinal);
        Assert.Null(letters[1].Error);
        Assert.Null(letters[2].Error);
    }

    [Fact]
    public void the_first_failure_of_a_record_is_the_one_reported()
    {
        using var run = Run(s =>
        {
            s.Filter(r => r.Number > 0 ? true : throw new InvalidOperationException("first"), "first").To("a");
            s.Filter(r => r.Number > 0 ? true : throw new InvalidOperationException("second"), "second").To("b");
        });
        run.Process(EngineRun.Record(0, "k", "a|0"));
        run.Commit();
        Assert.Equal(["in-0@0 first: first"], run.DeadLetters);
    }

    [Fact]
    public void reasons_are_text_that_postgres_can_store()
    {
        using var run = Run(s => s.Filter(r => throw new InvalidOperationException($"bad \0 and \uD800 in {new string('x', 20_000)}")).To("out"));
        run.Process(EngineRun.Record(0, "k", "a|0"));
        run.Commit();
        var letter = Assert.Single(run.Tables.DeadLetters);
        Assert.StartsWith("bad \uFFFD and \uFFFD in xxx", letter.Reason, StringComparison.Ordinal);
        Assert.Equal(ErrorSummary.MaxReasonLength, letter.Reason.Length);
        Assert.DoesNotContain('\0', letter.Error!);
    }

    [Fact]
    public void what_a_filter_right_behind_the_source_throws_is_its_own_failure_and_moves_no_clock()
    {
        using var run = Run(s => s.Filter(r => r.Number < 0 ? throw Refusal(r) : r.Number > 1).To("out"));
        run.Process(
            EngineRun.Record(0, "k", "a|1|1000"), EngineRun.Record(1, "k", "a|-2|9000"), EngineRun.Record(2, "k", "junk"), EngineRun.Record(3, "k", "a|4|2000"),
            EngineRun.Record(4, "k", "a|0|3000"));
        run.Commit();
        Assert.Equal(["out k=a|4|2000"], run.Sent);
        Assert.Equal(["in-0@1 FILTER-0000000001: -2 is refused.", "in-0@2 SOURCE-0000000000: The reading is not group|number|milliseconds."], run.DeadLetters);
        Assert.Equal(5, run.Records);
        Assert.Equal(DateTime.UnixEpoch.AddMilliseconds(3000), run.Task.StreamTime);
    }

    [Fact]
    public void sums_are_what_they_were_to_the_last_bit_after_a_batch_is_run_again()
    {
        using var run = Run(s =>
        {
            s.GroupBy(r => r.Group, "grp").Sum(r => r.Number / 10.0, "sum").Max(r => r.Number, "max").ToTable("sums");
            s.MapValues(r => r.Number < 0 ? throw Refusal(r) : r).To("last", valueCodec: new ReadingCodec());
        });
        run.Process(EngineRun.Record(0, "k", "a|1"), EngineRun.Record(1, "k", "a|2"));
        run.Process(EngineRun.Record(2, "k", "a|7"), EngineRun.Record(3, "k", "b|5"), EngineRun.Record(4, "k", "a|-1"), EngineRun.Record(5, "k", "a|3"));
        run.Process(EngineRun.Record(6, "k", "c|8"), EngineRun.Record(7, "k", "c|-8"));
        run.Commit();
        Assert.Equal([FormattableString.Invariant($"a {0.1 + 0.2 + 0.7 + 0.3} 7"), "b 0.5 5", "c 0.8 8"], run.Rows("sums"));
    }

    [Fact]
    public void skip_passes_over_counts_and_knows_the_last()
    {
        using var run = Run(FourSinks, new TaskOptions { OnError = ErrorPolicy.Skip });
        run.Process(EngineRun.Record(0, "k", "a|-1"), EngineRun.Record(1, "k", "junk"), EngineRun.Record(2, "k", "a|2"));
        run.Commit();
        Assert.Equal(["out k=a|2", "last k=a|2"], run.Sent);
        Assert.Empty(run.DeadLetters);
        Assert.Equal(3, run.Records);
        Assert.Equal(2, run.Skipped);
        Assert.Equal("in-0@1 SOURCE-0000000000: The reading is not group|number|milliseconds.", run.LastSkipped);

        // What a commit has told is not told again by the next.
        run.Process(EngineRun.Record(3, "k", "a|3"));
        run.Commit();
        run.Process(EngineRun.Record(4, "k", "a|4"));
        run.Commit();
        Assert.Equal(2, run.Skipped);
        Assert.Null(run.LastSkipped);
    }

    [Fact]
    public void stop_ends_before_the_first_failed_record_whatever_failed_first()
    {
        using var run = Run(FourSinks, new TaskOptions { OnError = ErrorPolicy.Stop });
        var error = Assert.Throws<RecordFailedException>(() =>
            run.Process(EngineRun.Record(5, "k", "a|1"), EngineRun.Record(6, "k", "a|-1"), EngineRun.Record(7, "k", "junk"), EngineRun.Record(8, "k", "a|2")));
        Assert.Equal(
            "The record in-0@6 failed at MAPVALUES-0000000004: -1 is refused. Streams:OnError is Stop, so the node stops here; mend the record's cause, or set Streams:OnError to DeadLetter or Skip.",
            error.Message);
        Assert.IsType<InvalidOperationException>(error.InnerException);
        Assert.Equal(6, run.Task.NextOffset);
        run.Commit();
        Assert.Equal(["out k=a|1", "last k=a|1"], run.Sent);
        Assert.Equal(["a 1"], run.Rows("counts"));
        Assert.Empty(run.DeadLetters);
        Assert.Equal(1, run.Records);
    }

    [Fact]
    public void running_out_of_memory_is_not_the_record_s_fault_and_leaves_nothing_half_done()
    {
        using var run = Run(s =>
        {
            s.To("out");
            s.Filter(r => r.Number == 2 ? throw new InsufficientMemoryException() : true).To("filtered");
        });
        run.Process(EngineRun.Record(0, "k", "a|1"));
        Assert.Throws<InsufficientMemoryException>(() => run.Process(EngineRun.Record(1, "k", "a|1"), EngineRun.Record(2, "k", "a|2")));
        Assert.Equal(1, run.Task.NextOffset);
        run.Commit();
        Assert.Equal(["out k=a|1", "filtered k=a|1"], run.Sent);
        Assert.Empty(run.DeadLetters);
    }

    [Fact]
    public void a_record_that_is_too_large_is_refused_as_it_comes_and_as_it_goes()
    {
        using var run = Run(
            s => s.MapValues(r => r with { Group = string.Concat(Enumerable.Repeat(r.Group, (int)r.Number)) }).To("out", valueCodec: new ReadingCodec()),
            new TaskOptions { MaxRecordBytes = 20 });
        run.Process(
            EngineRun.Record(0, "12345", "1234567890123|1"),
            EngineRun.Record(1, "123456", "1234567890123|1"),
            EngineRun.Record(2, "12345", "1234|3"),
            EngineRun.Record(3, "12345", "12345|3"));
        run.Commit();
        Assert.Equal(
            [
                "in-0@1 SOURCE-0000000000: The record has 21 bytes; Streams:MaxRecordBytes allows 20.",
                "in-0@3 SINK-0000000002: The record for topic out has 22 bytes; Streams:MaxRecordBytes allows 20.",
            ],
            run.DeadLetters);
        Assert.Equal(["out 12345=1234567890123|1", "out 12345=123412341234|3"], run.Sent);
    }

    [Fact]
    public void a_null_key_is_refused_only_where_it_cannot_be()
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Int32, Codecs.Utf8).Filter((key, _) => key > 0).To("out");
        using var numbers = new EngineRun(builder.Build());
        numbers.Process(EngineRun.Record(0, null, "v"));
        numbers.Commit();
        Assert.Equal(["in-0@0 SOURCE-0000000000: The key is null, and Int32 cannot be; read it as a nullable type."], numbers.DeadLetters);

        builder = new StreamBuilder();
        builder.Stream("in", Codecs.NullableValue(Codecs.Int32), Codecs.Utf8).Filter((key, _) => key is null).To("out");
        using var nullable = new EngineRun(builder.Build());
        nullable.Process(EngineRun.Record(0, null, "v"));
        nullable.Commit();
        Assert.Empty(nullable.DeadLetters);
        Assert.Equal(["out null=v"], nullable.Sent);
    }

    [Fact]
    public void a_peek_may_see_a_record_again_when_another_fails()
    {
        var seen = new List<long>();
        using var run = Run(s => s.Peek((_, r) => seen.Add(r.Number)).Filter(r => r.Number == 2 ? throw Refusal(r) : true).To("out"));
        run.Process(EngineRun.Record(0, "k", "a|1"), EngineRun.Record(1, "k", "a|2"), EngineRun.Record(2, "k", "a|3"));
        Assert.Equal([1, 2, 3, 1, 3], seen);
    }

    [Fact]
    public void bytes_that_are_no_text_stay_in_the_dead_letter()
    {
        using var run = Run(s => s.To("out"));
        run.Process(new Testing.LogRecord(0, [0xFF], [0xFE, 0x00], null, []));
        run.Commit();
        var letter = Assert.Single(run.Tables.DeadLetters);
        Assert.Equal([0xFF], letter.Key);
        Assert.Equal([0xFE, 0x00], letter.Value);
        Assert.Null(letter.TimestampMs);
    }
}
