using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// How far a partition's input is in the log's group: what a transaction commits beside its records, and what tells the
/// next owner which output is there already.
/// </summary>
/// <param name="Partition">The partition.</param>
/// <param name="NextOffset">The next offset to read: forwarded output of records below is in the log.</param>
/// <param name="Era">
/// Which numbering the offset belongs to. It grows whenever a person moves the partition's offset; a position of another
/// era says nothing.
/// </param>
/// <param name="LastReplay">The number of the last dead letter that was replayed: its forwarded output is in the log, too.</param>
internal readonly record struct LogPosition(TopicPartition Partition, long NextOffset, long Era = 0, long LastReplay = 0);
