namespace Chaos.Tests.Disturbances;

/// <summary>Something that goes wrong, and is mended after a while.</summary>
internal interface IDisturbance
{
    /// <summary>What kind it is, for the summary: "kill -9".</summary>
    string Kind { get; }

    /// <summary>What it is done to: one thing at a time is.</summary>
    string Victim { get; }

    /// <summary>From its beginning until its victim is well again, about.</summary>
    TimeSpan Lasts { get; }

    /// <summary>Does it, and mends it.</summary>
    Task RunAsync(Stage stage);
}
