using Streams.Processors.Testing;

namespace Streams.Processors.Tests;

public sealed class TimeTests
{
    private static readonly DateTime Noon = EngineRun.Now;

    private static EngineRun Counts(TimeSpan grace, TaskOptions? options = null, DateTime? streamTime = null)
    {
        var builder = new StreamBuilder();
        var readings = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time);
        readings.GroupBy(r => r.Group, "grp").WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(grace)).Count("n").ToTable("counts");
        readings.Filter(r => r.Number < 0 ? throw new InvalidOperationException("negative") : true).To("out");
        return new EngineRun(builder.Build(), options, streamTime: streamTime);
    }

    private static LogRecord[] At(params double[] seconds) => [.. seconds.Select((s, i) => One(i, s))];

    private static LogRecord One(int offset, double seconds, int number = 0) => EngineRun.Record(offset, "k", Reading.Text("g", number, Noon.AddSeconds(seconds)));

    [Fact]
    public void a_window_takes_records_until_stream_time_reaches_its_end_plus_grace()
    {
        using var run = Counts(grace: TimeSpan.FromSeconds(30));
        run.Process(At(-3600, -3600 + 89.999, -3600 + 59.999, -3600 + 90, -3600 + 59.999, -3600 + 60));
        run.Commit();
        Assert.Equal(["2026-01-01T11:00:00 g 2", "2026-01-01T11:01:00 g 3"], run.Rows("counts"));
        Assert.Equal(1, run.Late);
        Assert.Equal(6, run.Records);
        Assert.Equal(6, run.Sent.Count);
    }

    [Fact]
    public void with_grace_zero_a_window_closes_at_its_end()
    {
        using var run = Counts(grace: TimeSpan.Zero);
        run.Process(At(0, 59.999, 60, 59.999));
        run.Commit();
        Assert.Equal(["2026-01-01T12:00:00 g 2", "2026-01-01T12:01:00 g 1"], run.Rows("counts"));
        Assert.Equal(1, run.Late);
    }

    [Fact]
    public void with_a_grace_without_bound_nothing_is_late()
    {
        using var run = Counts(grace: TimeSpan.MaxValue);
        run.Process(At(0, -50 * 365 * 86_400.0));
        run.Commit();
        Assert.Equal(0, run.Late);
        Assert.Equal(2, run.Rows("counts").Count);
    }

    [Fact]
    public void a_task_goes_on_with_the_stream_time_it_committed()
    {
        using var run = Counts(grace: TimeSpan.Zero, streamTime: Noon.AddMinutes(10));
        run.Process(At(0));
        run.Commit();
        Assert.Equal(1, run.Late);
        Assert.Equal(Noon.AddMinutes(10), run.Task.StreamTime);
    }

    [Fact]
    public void a_refused_record_moves_no_clock_and_makes_no_other_late()
    {
        using var run = Counts(grace: TimeSpan.Zero);
        run.Process(One(0, 0), One(1, 600, number: -1), One(2, 1), EngineRun.Record(3, "k", "junk", Noon.AddMinutes(20)), One(4, 2));
        run.Commit();
        Assert.Equal(0, run.Late);
        Assert.Equal(["2026-01-01T12:00:00 g 3"], run.Rows("counts"));
        Assert.Equal(Noon.AddSeconds(2), run.Task.StreamTime);
    }

    [Fact]
    public void hopping_windows_close_one_by_one()
    {
        var builder = new StreamBuilder();
        var windows = Hopping.Of(TimeSpan.FromMinutes(2), TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.Zero);
        var grouped = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time).GroupBy(r => r.Group, "grp").WindowedBy(windows);
        grouped.Count("n").ToTable("counts");
        grouped.Late().To("late");
        using var run = new EngineRun(builder.Build());
        run.Process(One(0, 0), One(1, 60, number: 1), One(2, 59, number: 2), One(3, 120, number: 3), One(4, 59, number: 4));
        run.Commit();
        Assert.Equal(
            ["2026-01-01T11:59:00 g 1", "2026-01-01T12:00:00 g 3", "2026-01-01T12:01:00 g 2", "2026-01-01T12:02:00 g 1"],
            run.Rows("counts"));

        // The third reading came too late for one of its windows, the fifth for both.
        Assert.Equal(2, run.Late);
        Assert.Equal([$"late k={Reading.Text("g", 4, Noon.AddSeconds(59))}"], run.Sent);
    }

    [Fact]
    public void late_records_are_passed_on_as_they_came_and_no_others()
    {
        var builder = new StreamBuilder();
        var grouped = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time).GroupBy(r => r.Group).WindowedBy(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromSeconds(30)));
        grouped.Late().To("late");
        using var run = new EngineRun(builder.Build());
        run.Process(At(89, 59, 0, 90, 59.999, 60));
        run.Commit();
        Assert.Equal([$"late k={Reading.Text("g", 0, Noon.AddSeconds(59.999))}"], run.Sent);
    }

    [Fact]
    public void a_late_record_counts_once_however_often_its_batch_runs_and_however_many_windows_refuse_it()
    {
        var builder = new StreamBuilder();
        var readings = builder.Stream("in", Codecs.Utf8, new ReadingCodec(), r => r.Time);
        var minutes = Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.Zero);
        readings.GroupBy(r => r.Group).WindowedBy(minutes).Count().ToTable("one");
        readings.FlatMapValues(r => new[] { r, r, r }).GroupBy(r => r.Group).WindowedBy(minutes).Count().ToTable("two");
        readings.Filter(r => r.Number < 0 ? throw new InvalidOperationException("negative") : true).To("out");
        using var run = new EngineRun(builder.Build());
        run.Process(One(0, 120), One(1, 0), One(2, 120, -1), One(3, 0), One(4, 120, -1));
        run.Commit();
        Assert.Equal(2, run.DeadLetters.Count);
        Assert.Equal(2, run.Late);
    }

    [Fact]
    public void event_time_from_the_value_wins_over_kafka_s_in_any_kind()
    {
        var local = new DateTime(2026, 1, 1, 11, 0, 0, DateTimeKind.Utc).ToLocalTime();
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8, v => v switch
        {
            "none" => null,
            "local" => local,
            "unspecified" => new DateTime(2026, 1, 1, 10, 0, 0, DateTimeKind.Unspecified),
            _ => new DateTime(2026, 1, 1, 9, 0, 0, DateTimeKind.Utc).AddTicks(19),
        }).ToTable("times");
        using var run = new EngineRun(builder.Build());
        run.Process([.. new[] { "none", "local", "unspecified", "utc" }.Select((v, i) => EngineRun.Record(i, "k", v, Noon))]);
        run.Commit();
        Assert.Equal(
            [
                "in 0 0 2026-01-01T12:00:00 none",
                "in 0 1 2026-01-01T11:00:00 local",
                "in 0 2 2026-01-01T10:00:00 unspecified",
                "in 0 3 2026-01-01T09:00:00.000001 utc",
            ],
            run.Rows("times"));
    }

    public static TheoryData<long?, string> KafkaTimes => new()
    {
        { 0, "" },
        { null, "The record has no time: neither in its value nor as a Kafka timestamp." },
        { -1, "The Kafka timestamp -1 is not between the years 1970 and 9999." },
        { long.MinValue, "The Kafka timestamp -9223372036854775808 is not between the years 1970 and 9999." },
        { 253_402_300_800_000, "The Kafka timestamp 253402300800000 is not between the years 1970 and 9999." },
        { 253_402_300_799_999, "The event time 9999-12-31T23:59:59.999Z is further in the future than Streams:MaxFuture (01:00:00) allows; now is 2026-01-01T12:00:00Z." },
    };

    [Theory]
    [MemberData(nameof(KafkaTimes))]
    public void kafka_timestamps_out_of_range_are_refused(long? milliseconds, string reason)
    {
        using var run = Counts(grace: TimeSpan.Zero);
        run.Process(new LogRecord(0, null, "g|1"u8.ToArray(), milliseconds, []));
        run.Commit();
        Assert.Equal(reason, string.Concat(run.Tables.DeadLetters.Select(l => l.Reason)));
    }

    public static TheoryData<DateTime, string> EventTimes => new()
    {
        { DateTime.UnixEpoch, "" },
        { DateTime.UnixEpoch.AddTicks(-1), "The event time 1969-12-31T23:59:59.999999Z is before 1970." },
        { DateTime.MinValue, "The event time 0001-01-01T00:00:00Z is before 1970." },
        { Noon.AddHours(1), "" },
        { Noon.AddHours(1).AddTicks(10), "The event time 2026-01-01T13:00:00.000001Z is further in the future than Streams:MaxFuture (01:00:00) allows; now is 2026-01-01T12:00:00Z." },
        { DateTime.MaxValue, "The event time 9999-12-31T23:59:59.999999Z is further in the future than Streams:MaxFuture (01:00:00) allows; now is 2026-01-01T12:00:00Z." },
    };

    [Theory]
    [MemberData(nameof(EventTimes))]
    public void event_times_out_of_range_are_refused(DateTime time, string reason)
    {
        var builder = new StreamBuilder();
        builder.Stream("in", Codecs.Utf8, Codecs.Utf8, _ => time).To("out");
        using var run = new EngineRun(builder.Build());
        run.Process(EngineRun.Record(0, "k", "v"));
        run.Commit();
        Assert.Equal(reason, string.Concat(run.Tables.DeadLetters.Select(l => l.Reason)));
    }

    [Fact]
    public void a_max_future_without_bound_lets_every_time_pass()
    {
        using var run = Counts(grace: TimeSpan.Zero, new TaskOptions { MaxFuture = TimeSpan.MaxValue });
        run.Process(At(7_900L * 365 * 86_400));
        run.Commit();
        Assert.Empty(run.DeadLetters);
        Assert.Single(run.Rows("counts"));
    }
}
