using System.Globalization;
using System.Text;

namespace Streams.Processors;

/// <summary>What a dead letter keeps of an exception: bounded, since a message may quote a record, and a stack may be deep.</summary>
internal static class ErrorSummary
{
    public const int MaxReasonLength = 1000;
    public const int MaxLength = 4000;
    private const int MaxCauses = 4;
    private const int MaxFrames = 8;

    /// <summary>Why, in one sentence.</summary>
    public static string Reason(Exception error) => Cut(error.Message, MaxReasonLength);

    /// <summary>Types, messages and the first frames; <c>null</c> where the reason says it all, since the fault is the data's.</summary>
    public static string? Of(Exception error)
    {
        if (error is CodecException or RecordRejectedException)
        {
            return null;
        }

        var text = new StringBuilder();
        var causes = 0;
        for (var cause = error; cause is not null && causes < MaxCauses; cause = cause.InnerException)
        {
            text.Append(causes++ == 0 ? "" : "\n---> ").Append(cause.GetType()).Append(": ").Append(Cut(cause.Message, MaxReasonLength));
            AddFrames(text, cause.StackTrace);
        }

        return Cut(text.ToString(), MaxLength);
    }

    private static void AddFrames(StringBuilder text, string? stack)
    {
        var frames = stack?.Split('\n', StringSplitOptions.RemoveEmptyEntries) ?? [];
        foreach (var frame in frames.Take(MaxFrames))
        {
            text.Append('\n').Append(frame.TrimEnd());
        }

        if (frames.Length > MaxFrames)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n   ... and {frames.Length - MaxFrames} more");
        }
    }

    private static string Cut(string text, int length) => PostgresText.Clean(text.Length <= length ? text : string.Concat(text.AsSpan(0, length - 4), " ..."));
}
