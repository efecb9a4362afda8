namespace TestKit;

/// <summary>
/// <c>./dev test</c> runs the integration tests more than once: against another Kafka, and with another native library. What is expensive
/// and has to do with neither runs the first time only.
/// </summary>
public static class Rerun
{
    /// <summary>Why a test is skipped then.</summary>
    public const string Reason = "It has run already, and would show the same again.";

    /// <summary>Whether this is not the first time.</summary>
    public static bool IsOne { get; } = Environment.GetEnvironmentVariable("STREAMS_TEST_RERUN") is { Length: > 0 };
}
