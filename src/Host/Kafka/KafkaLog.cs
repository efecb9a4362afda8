using Confluent.Kafka;
using Microsoft.Extensions.Logging;

namespace Streams.Hosting.Kafka;

/// <summary>What the Kafka clients write to the log.</summary>
internal static partial class KafkaLog
{
    [LoggerMessage(EventId = 2001, Message = "Kafka client {Client} ({Facility}): {Text}")]
    public static partial void Library(this ILogger logger, LogLevel level, string client, string facility, string text);

    [LoggerMessage(EventId = 2002, Level = LogLevel.Debug, Message = "Committing offsets to the consumer group {Group} failed: {Reason}. Only lag tools notice.")]
    public static partial void GroupCommitFailed(this ILogger logger, string group, string reason);

    [LoggerMessage(EventId = 2003, Level = LogLevel.Information, Message = "Created topic {Topic} with {Partitions} partitions")]
    public static partial void TopicCreated(this ILogger logger, string topic, int partitions);

    [LoggerMessage(EventId = 2004, Level = LogLevel.Information, Message = "Waiting for topic {Topic} to be created")]
    public static partial void WaitingForTopic(this ILogger logger, string topic);

    [LoggerMessage(EventId = 2005, Level = LogLevel.Warning, Message = "Kafka does not answer ({Reason}); trying on")]
    public static partial void WaitingForKafka(this ILogger logger, string reason);

    /// <summary>Passes on a line that Confluent.Kafka got from the library.</summary>
    public static void Library(this ILogger logger, LogMessage line) =>
        logger.Library(line.Level, line.Name, line.Facility, line.Message);

    /// <summary>Passes on a line of the library.</summary>
    public static void Library(this ILogger logger, SyslogLevel syslogLevel, string client, string facility, string text)
    {
        var level = Level(syslogLevel);
        logger.Library(level, client, facility, text);
    }

    /// <summary>librdkafka's syslog levels as ours. Its errors are failed connections for the most part, which it mends by itself.</summary>
    private static LogLevel Level(SyslogLevel level) => level switch
    {
        <= SyslogLevel.Critical => LogLevel.Error,
        <= SyslogLevel.Warning => LogLevel.Warning,
        <= SyslogLevel.Info => LogLevel.Information,
        _ => LogLevel.Debug,
    };
}
