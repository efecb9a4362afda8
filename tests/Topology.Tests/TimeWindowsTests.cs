using System.Globalization;

namespace Streams.Tests;

public sealed class TimeWindowsTests
{
    private static TimeSpan Seconds(int seconds) => TimeSpan.FromSeconds(seconds);

    /// <summary>The windows that a time falls into, latest first.</summary>
    private static List<DateTime> Starts(TimeWindows windows, DateTime time)
    {
        var start = windows.LastStartOf(time);
        var starts = new List<DateTime> { start };
        while (windows.TryPrevious(time, ref start))
        {
            starts.Add(start);
        }

        return starts;
    }

    private static DateTime Utc(string text) => DateTime.Parse(text, CultureInfo.InvariantCulture, DateTimeStyles.AdjustToUniversal | DateTimeStyles.AssumeUniversal);

    [Theory]
    [InlineData("2026-01-01T00:00:00Z", 60, "2026-01-01T00:00:00Z")]
    [InlineData("2026-01-01T00:00:59.9999999Z", 60, "2026-01-01T00:00:00Z")]
    [InlineData("2026-01-01T00:01:00Z", 60, "2026-01-01T00:01:00Z")]
    [InlineData("1970-01-01T00:00:00Z", 60, "1970-01-01T00:00:00Z")]
    [InlineData("1969-12-31T23:59:59.9999999Z", 60, "1969-12-31T23:59:00Z")]
    [InlineData("1969-12-31T23:59:00Z", 60, "1969-12-31T23:59:00Z")]
    [InlineData("1969-12-31T23:58:59Z", 60, "1969-12-31T23:58:00Z")]
    [InlineData("1970-01-01T00:00:06Z", 7, "1970-01-01T00:00:00Z")]
    [InlineData("1970-01-01T00:00:07Z", 7, "1970-01-01T00:00:07Z")]
    [InlineData("1969-12-31T23:59:59Z", 7, "1969-12-31T23:59:53Z")]
    [InlineData("2024-02-29T13:00:00Z", 86_400, "2024-02-29T00:00:00Z")]
    [InlineData("2026-01-08T00:00:00Z", 604_800, "2026-01-08T00:00:00Z")]
    [InlineData("0001-01-02T00:00:00Z", 3_600, "0001-01-02T00:00:00Z")]
    [InlineData("9999-12-31T23:59:59.9999999Z", 3_600, "9999-12-31T23:00:00Z")]
    public void tumbling_windows_start_at_multiples_of_their_size_since_1970(string time, int seconds, string start)
    {
        var actual = Tumbling.Of(TimeSpan.FromSeconds(seconds)).LastStartOf(Utc(time));
        Assert.Equal(Utc(start), actual);
        Assert.Equal(DateTimeKind.Utc, actual.Kind);
    }

    [Fact]
    public void every_time_is_in_exactly_its_own_tumbling_window()
    {
        const int Seed = 7;
        var random = new Random(Seed);
        for (var i = 0; i < 10_000; i++)
        {
            var windows = Tumbling.Of(TimeSpan.FromMilliseconds(random.NextInt64(1, 100_000_000)));
            var time = new DateTime(random.NextInt64(DateTime.UnixEpoch.AddYears(-1_000).Ticks, DateTime.UnixEpoch.AddYears(1_000).Ticks), DateTimeKind.Utc);
            var start = windows.LastStartOf(time);
            Assert.True(start <= time && time < start + windows.Size, $"seed {Seed}: {time:O} is not in the window of {windows.Size} from {start:O}");
            Assert.Equal([start], Starts(windows, time));
            Assert.Equal(start, windows.LastStartOf(start));
            Assert.Equal(0, (start - DateTime.UnixEpoch).Ticks % windows.Size.Ticks);
        }
    }

    [Theory]
    [InlineData(60, 20, 100, "100 80 60")]
    [InlineData(60, 20, 119, "100 80 60")]
    [InlineData(60, 20, 120, "120 100 80")]
    [InlineData(50, 20, 100, "100 80 60")]
    [InlineData(50, 20, 110, "100 80")]
    [InlineData(21, 20, 100, "100 80")]
    [InlineData(21, 20, 101, "100")]
    [InlineData(20, 20, 119, "100")]
    [InlineData(60, 20, 30, "20 0")]
    [InlineData(60, 20, 0, "0")]
    public void a_time_falls_into_each_hopping_window_that_holds_it_and_none_starts_before_1970(int size, int advance, int time, string starts) =>
        Assert.Equal(starts, string.Join(' ', Starts(Hopping.Of(Seconds(size), Seconds(advance)), DateTime.UnixEpoch + Seconds(time)).Select(s => (s - DateTime.UnixEpoch).TotalSeconds)));

    [Fact]
    public void hopping_windows_are_those_that_a_search_through_all_finds()
    {
        const int Seed = 11;
        var random = new Random(Seed);
        for (var i = 0; i < 2_000; i++)
        {
            var advance = random.NextInt64(1, 1_000);
            var size = random.NextInt64(advance, 20 * advance);
            var time = random.NextInt64(0, 30_000);
            var windows = Hopping.Of(TimeSpan.FromMilliseconds(size), TimeSpan.FromMilliseconds(advance));
            var expected = new List<DateTime>();
            for (long start = 0; start <= time; start += advance)
            {
                if (time < start + size)
                {
                    expected.Insert(0, DateTime.UnixEpoch.AddMilliseconds(start));
                }
            }

            Assert.True(expected.SequenceEqual(Starts(windows, DateTime.UnixEpoch.AddMilliseconds(time))), $"seed {Seed}: {time} ms in windows of {size} ms every {advance} ms");
        }
    }

    [Theory]
    [InlineData(0, 59_999, false)]
    [InlineData(0, 60_000, true)]
    [InlineData(30_000, 89_999, false)]
    [InlineData(30_000, 90_000, true)]
    public void a_window_is_closed_once_stream_time_reaches_its_end_plus_grace(int graceMs, int streamTimeMs, bool closed)
    {
        var windows = Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.FromMilliseconds(graceMs));
        Assert.Equal(closed, windows.IsClosed(DateTime.UnixEpoch, DateTime.UnixEpoch.AddMilliseconds(streamTimeMs)));
    }

    [Fact]
    public void without_bound_on_size_or_grace_nothing_closes_and_nothing_overflows()
    {
        Assert.False(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.MaxValue).IsClosed(DateTime.MinValue, DateTime.MaxValue));
        Assert.False(Tumbling.Of(TimeSpan.MaxValue).WithGrace(TimeSpan.MaxValue).IsClosed(DateTime.MinValue, DateTime.MaxValue));
        Assert.False(Tumbling.Of(TimeSpan.FromMinutes(1)).WithGrace(TimeSpan.Zero).IsClosed(DateTime.MaxValue, DateTime.MinValue));
        Assert.Equal([DateTime.UnixEpoch], Starts(Tumbling.Of(TimeSpan.MaxValue), DateTime.MaxValue));
        Assert.Equal([DateTime.UnixEpoch], Starts(Hopping.Of(TimeSpan.MaxValue, TimeSpan.MaxValue / 2), DateTime.MaxValue));
    }

    [Fact]
    public void grace_is_a_day_until_it_is_set_and_windows_do_not_change()
    {
        var windows = Tumbling.Of(TimeSpan.FromMinutes(5));
        var other = windows.WithGrace(TimeSpan.Zero);
        Assert.Equal((TimeSpan.FromMinutes(5), TimeSpan.FromHours(24)), (windows.Size, windows.Grace));
        Assert.Equal((TimeSpan.FromMinutes(5), TimeSpan.Zero), (other.Size, other.Grace));
        var hopping = Hopping.Of(TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1));
        Assert.Equal((TimeSpan.FromMinutes(5), TimeSpan.FromMinutes(1), TimeSpan.FromHours(24)), (hopping.Size, hopping.Advance, hopping.Grace));
        Assert.Equal((TimeSpan.FromMinutes(1), TimeSpan.Zero), (hopping.WithGrace(TimeSpan.Zero).Advance, hopping.WithGrace(TimeSpan.Zero).Grace));
    }
}
