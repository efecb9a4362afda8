using Microsoft.Extensions.Time.Testing;
using Xunit;

namespace Clickstream.Tests;

public sealed class PaceTests
{
    private readonly FakeTimeProvider _clock = new();

    private static int CallsWithoutWaiting(Pace pace)
    {
        var calls = 0;
        while (pace.WaitAsync(TestContext.Current.CancellationToken).AsTask().IsCompleted)
        {
            calls++;
            Assert.InRange(calls, 0, 1_000_000);
        }

        return calls;
    }

    [Fact]
    public void calls_are_spread_evenly()
    {
        var pace = new Pace(100, _clock);
        _clock.Advance(TimeSpan.FromMinutes(1));
        var calls = 0;
        Task? waiting = null;
        for (var millisecond = 0; millisecond < 2000; millisecond++)
        {
            while (waiting is not { IsCompleted: false })
            {
                waiting = pace.WaitAsync(TestContext.Current.CancellationToken).AsTask();
                calls++;
            }

            _clock.Advance(TimeSpan.FromMilliseconds(1));
        }

        Assert.InRange(calls, 199, 202);
    }

    [Fact]
    public void a_pause_is_made_up_for_by_one_second_at_most()
    {
        var pace = new Pace(100, _clock);
        Assert.Equal(1, CallsWithoutWaiting(pace));

        _clock.Advance(TimeSpan.FromMinutes(5));

        Assert.InRange(CallsWithoutWaiting(pace), 100, 102);
    }

    [Fact]
    public void without_a_rate_nobody_waits()
    {
        var pace = new Pace(null, _clock);
        for (var i = 0; i < 1000; i++)
        {
            Assert.True(pace.WaitAsync(TestContext.Current.CancellationToken).AsTask().IsCompletedSuccessfully);
        }
    }
}
