namespace Streams.Hosting.Diagnostics;

/// <summary>How a check went.</summary>
public enum CheckOutcome
{
    /// <summary>It is as it must be.</summary>
    Ok,

    /// <summary>Something has to be mended before a node can work.</summary>
    Wrong,

    /// <summary>It could not be tried, because of something else that is wrong.</summary>
    NotTried,
}

/// <summary>One thing that a node needs, and whether it is there.</summary>
/// <param name="Name">What was looked at: <c>configuration</c>, <c>Kafka</c>, <c>topic clickstream</c>, ...</param>
/// <param name="Outcome">How it went.</param>
/// <param name="Message">What was found; where something is wrong, also how to mend it. One line or several.</param>
public sealed record CheckResult(string Name, CheckOutcome Outcome, string Message)
{
    internal static CheckResult Ok(string name, string message) => new(name, CheckOutcome.Ok, message);

    internal static CheckResult Wrong(string name, string message) => new(name, CheckOutcome.Wrong, message);

    internal static CheckResult NotTried(string name, string message) => new(name, CheckOutcome.NotTried, message);
}
