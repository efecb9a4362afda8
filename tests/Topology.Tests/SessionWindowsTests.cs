using Streams.Processors;

namespace Streams.Tests;

public sealed class SessionWindowsTests
{
    private static readonly SessionWindows _sessions = Sessions.WithGap(TimeSpan.FromSeconds(10)).WithGrace(TimeSpan.FromSeconds(5));

    private static DateTime At(double seconds) => DateTime.UnixEpoch.AddSeconds(seconds);

    [Theory]
    [InlineData(0, 0)]
    [InlineData(9.999, 0)]
    [InlineData(10, 10)]
    [InlineData(1_000_003, 1_000_000)]
    public void a_stretch_is_one_gap_long_and_begins_at_a_multiple_of_it(double time, double start) =>
        Assert.Equal((At(start), DateTimeKind.Utc), (_sessions.StretchOf(At(time)), _sessions.StretchOf(At(time)).Kind));

    [Theory]
    [InlineData(15, false)]
    [InlineData(15.0000001, true)]
    [InlineData(-1, false)]
    public void a_record_is_late_once_stream_time_is_more_than_gap_and_grace_ahead(double streamTime, bool isLate) =>
        Assert.Equal(isLate, _sessions.IsLate(At(0), DateTime.UnixEpoch.AddTicks((long)(streamTime * TimeSpan.TicksPerSecond))));

    [Fact]
    public void without_bound_on_grace_nothing_is_late() =>
        Assert.False(_sessions.WithGrace(TimeSpan.MaxValue).IsLate(DateTime.UnixEpoch, DateTime.MaxValue));

    [Fact]
    public void grace_is_a_day_until_it_is_set_and_windows_do_not_change()
    {
        var sessions = Sessions.WithGap(TimeSpan.FromMinutes(30));
        Assert.Equal(TimeSpan.Zero, sessions.WithGrace(TimeSpan.Zero).Grace);
        Assert.Equal((TimeSpan.FromMinutes(30), TimeSpan.FromHours(24)), (sessions.Gap, sessions.Grace));
    }

    [Fact]
    public void sessions_are_found_by_their_group_and_then_by_their_start()
    {
        var builder = new StreamBuilder();
        builder.Stream("clicks", Codecs.Utf8, Codecs.Json<Click>()).GroupBy(c => c.Path, "path").WindowedBy(_sessions).Count("n").ToTable("visits");
        var table = Assert.Single(builder.Build().Tables);
        Assert.Equal(["path", "session_start", "session_end", "n"], table.Columns.Select(c => c.Name));
        Assert.Equal(["path", "session_start"], table.KeyColumns.Select(c => c.Name));
    }
}
