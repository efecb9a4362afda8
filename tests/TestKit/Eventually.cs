using System.Diagnostics;

namespace TestKit;

/// <summary>Waits for what other threads, processes and servers bring about, by looking again and again until a deadline.</summary>
public static class Eventually
{
    private static readonly TimeSpan FirstPause = TimeSpan.FromMilliseconds(10);
    private static readonly TimeSpan LongestPause = TimeSpan.FromMilliseconds(200);

    /// <summary>Waits until the condition holds. A condition that throws does not hold yet.</summary>
    /// <param name="condition">What to look at.</param>
    /// <param name="patience">How long it may take.</param>
    /// <param name="what">What is waited for, as a sentence: "the group has two members".</param>
    public static Task True(Func<Task<bool>> condition, TimeSpan patience, string what) => Until(condition, holds => holds, patience, what);

    /// <summary>The same for a condition that needs no waiting itself.</summary>
    public static Task True(Func<bool> condition, TimeSpan patience, string what) => True(() => Task.FromResult(condition()), patience, what);

    /// <summary>Waits until a value is the expected one; the failure tells the last value seen.</summary>
    public static Task Equal<T>(T expected, Func<Task<T>> actual, TimeSpan patience, string what)
        => Until(actual, value => EqualityComparer<T>.Default.Equals(expected, value), patience, $"{what} is {expected}");

    /// <summary>Waits until a value is as wanted, and returns it.</summary>
    public static async Task<T> Until<T>(Func<Task<T>> read, Func<T, bool> wanted, TimeSpan patience, string what)
    {
        long begin = Stopwatch.GetTimestamp();
        TimeSpan pause = FirstPause;
        string last;
        Exception? failure;
        do
        {
            try
            {
                T value = await read();
                if (wanted(value))
                {
                    return value;
                }
                last = $"the last value was {value}";
                failure = null;
            }
            catch (Exception e)
            {
                last = $"the last look failed with {e.GetType().Name}: {e.Message}";
                failure = e;
            }
            await Task.Delay(pause);
            pause = pause * 2 < LongestPause ? pause * 2 : LongestPause;
        }
        while (Stopwatch.GetElapsedTime(begin) < patience);
        throw new TimeoutException($"Not within {patience.TotalSeconds:0.#} s: {what}; {last}.", failure);
    }
}
