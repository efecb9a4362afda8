using System.ComponentModel.DataAnnotations;
using Streams.Processors;

namespace Streams.Hosting;

/// <summary>What is promised about results.</summary>
public enum Guarantee
{
    /// <summary>
    /// Tables take each record's effect exactly once, and so do topics for consumers that read with
    /// <c>isolation.level=read_committed</c>: forwarded records appear once, and the last value of a changelog's key is its
    /// total. Costs a Kafka transaction per commit cycle; a topology without output topics has none.
    /// </summary>
    ExactlyOnce,
    /// <summary>
    /// Tables take each record's effect exactly once. A topic takes each output at least once: after a crash between the
    /// flush and the commit, outputs of that cycle are sent again.
    /// </summary>
    AtLeastOnce,
}

/// <summary>
/// Settings of a node, section <c>Streams</c> of the configuration: <c>Streams:CommitInterval</c> in a file,
/// <c>Streams__CommitInterval</c> as an environment variable.
/// </summary>
public sealed class StreamsOptions
{
    /// <summary>The configuration section.</summary>
    public const string Section = "Streams";

    /// <summary>
    /// Names the application: its consumer group in Kafka and its schema in PostgreSQL. All nodes with one id share the
    /// work. 1 to 63 bytes. Required.
    /// </summary>
    [Required]
    public string ApplicationId { get; set; } = "";

    /// <summary>
    /// Names this node among those of the application; unique at any one time. A stable name (a StatefulSet's pod name)
    /// also makes it a static member of the consumer group. Default: none given, a name made of host and process id, and
    /// dynamic membership.
    /// </summary>
    public string? NodeName { get; set; }

    /// <summary>How long changes gather before they are committed. 1 ms to 1 minute. Default: 100 ms.</summary>
    [Range(typeof(TimeSpan), "00:00:00.001", "00:01:00")]
    public TimeSpan CommitInterval { get; set; } = TimeSpan.FromMilliseconds(100);

    /// <summary>How many bytes of changes bring a commit on before its time. 64 KiB to 1 GiB. Default: 8 MiB.</summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public long CommitBytes { get; set; } = 8 * 1024 * 1024;

    /// <summary>What is promised about output topics. Default: <see cref="Guarantee.ExactlyOnce"/>.</summary>
    public Guarantee Guarantee { get; set; } = Guarantee.ExactlyOnce;

    /// <summary>What happens to a record that cannot be decoded or processed. Default: <see cref="ErrorPolicy.DeadLetter"/>.</summary>
    public ErrorPolicy OnError { get; set; } = ErrorPolicy.DeadLetter;

    /// <summary>
    /// How far past wall time an event may claim to be before it is a dead letter: one bad clock cannot close every window.
    /// Default: 1 hour.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00", "3650.00:00:00")]
    public TimeSpan MaxFuture { get; set; } = TimeSpan.FromHours(1);

    /// <summary>
    /// Key and value of a record together (and its headers, where it is forwarded), in bytes; larger records are dead letters. At most what the output topics take
    /// (<c>max.message.bytes</c>). Default: 1,000,000, what Kafka's clients send by default.
    /// </summary>
    [Range(1024, 100 * 1024 * 1024)]
    public int MaxRecordBytes { get; set; } = 1_000_000;

    /// <summary>
    /// How many bytes may wait in one task's mailbox before its partition is paused. Default: 2 MiB.
    /// </summary>
    [Range(64 * 1024, 1024 * 1024 * 1024)]
    public long MailboxBytes { get; set; } = 2 * 1024 * 1024;

    /// <summary>
    /// How much state each operator of a task keeps in memory (<c>Fold</c>, <c>Reduce</c>, <c>Process</c>, <c>Join</c>), in bytes; what is beyond is read
    /// from PostgreSQL when it is needed. 64 KiB to 16 GiB. Default: 16 MiB.
    /// </summary>
    [Range(64 * 1024, 16L * 1024 * 1024 * 1024)]
    public long StateCacheBytes { get; set; } = 16 * 1024 * 1024;

    /// <summary>
    /// How long a stopping node may take to commit what it has. The host's time to stop becomes a third and 10 seconds more, if it was
    /// less. 100 ms to 10 minutes. Default: 15 seconds.
    /// </summary>
    [Range(typeof(TimeSpan), "00:00:00.100", "00:10:00")]
    public TimeSpan ShutdownTimeout { get; set; } = TimeSpan.FromSeconds(15);

    /// <summary>
    /// How many partitions output topics are created with; 0, the default, gives them as many as the input topic has.
    /// </summary>
    [Range(0, 100_000)]
    public int OutputPartitions { get; set; }

    /// <exception cref="StreamsConfigurationException">The topology cannot run with these settings.</exception>
    internal void ThrowIfUnfitFor(Topology topology)
    {
        if (Guarantee == Guarantee.AtLeastOnce && topology.RepartitionTopics is [var topic, ..])
        {
            throw new StreamsConfigurationException(
                $"{Section}:{nameof(Guarantee)} is AtLeastOnce, and the topology sends records through topic {topic}: one that is sent twice would take effect twice behind it. Set it to ExactlyOnce.");
        }
    }
}
