namespace Integration.Tests.Support;

/// <summary>How long tests wait before they give something up. Far longer than it takes: a slow machine is no failure.</summary>
internal static class Patience
{
    /// <summary>For what takes a second or so.</summary>
    public static readonly TimeSpan Short = TimeSpan.FromSeconds(30);

    /// <summary>For what takes some seconds, or waits for a session to time out.</summary>
    public static readonly TimeSpan Long = TimeSpan.FromSeconds(120);
}
