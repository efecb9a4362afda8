namespace Streams.Hosting.Postgres;

/// <summary>The tables that every application has in its schema, whatever its topology; those with sessions have one more.</summary>
internal static class SystemTables
{
    public const string Partitions = "partitions";
    public const string DeadLetters = "dead_letters";
    public const string Nodes = "nodes";
    public const string Topology = "topology";
    public const string SessionLocks = "session_locks";

    /// <param name="application">The application's id, which names its schema.</param>
    /// <param name="hasSessions">Whether its topology has sessions.</param>
    public static IReadOnlyList<TableDefinition> Of(string application, bool hasSessions = false) =>
    [
        // The fence: where each partition stands and who may move it.
        new(
            application,
            Partitions,
            [
                new("topic", "text"),
                new("partition", "integer"),
                new("epoch", "bigint"),
                new("next_offset", "bigint", Nullable: true),
                new("stream_time", "timestamp with time zone", Nullable: true),
                new("era", "bigint") { Default = "0" },
                new("node", "text"),
                new("updated_at", "timestamp with time zone"),
                // The number of the latest request to replay a dead letter of the partition.
                new("last_replay", "bigint") { Default = "0" },
            ],
            ["topic", "partition"],
            ["SELECT", "INSERT", "UPDATE"])
        {
            // Every row is updated in every cycle; free space on the page keeps those updates off the index.
            Storage = "fillfactor = 50",
        },
        new(
            application,
            DeadLetters,
            [
                new("topic", "text"),
                new("partition", "integer"),
                new("offset", "bigint"),
                new("time", "timestamp with time zone") { Default = "now()" },
                new("kafka_time", "timestamp with time zone", Nullable: true),
                new("node", "text"),
                new("reason", "text"),
                new("error", "text", Nullable: true),
                new("attempts", "integer") { Default = "1" },
                new("key", "bytea", Nullable: true),
                new("value", "bytea", Nullable: true),
                new("headers", "jsonb", Nullable: true),
                new("stream_time", "timestamp with time zone", Nullable: true),
                // A replay: the number of its latest request, since when that is open, and when the record went through.
                new("replay", "bigint", Nullable: true),
                new("requested_at", "timestamp with time zone", Nullable: true),
                new("replayed_at", "timestamp with time zone", Nullable: true),
            ],
            ["topic", "partition", "offset"],
            ["SELECT", "INSERT", "UPDATE"])
        {
            // Asked every second by every node; only open requests are in it.
            Index = "(topic, partition, replay) WHERE requested_at IS NOT NULL",
        },
        new(
            application,
            Nodes,
            [
                new("name", "text"),
                new("started_at", "timestamp with time zone"),
                new("seen_at", "timestamp with time zone"),
            ],
            ["name"],
            ["SELECT", "INSERT", "UPDATE", "DELETE"]),
        // What was applied last: for people its description, for the comparison at the next start a document, in the column "tables".
        new(
            application,
            Topology,
            [
                new("id", "integer"),
                new("description", "text"),
                new("tables", "jsonb"),
                new("applied_at", "timestamp with time zone"),
            ],
            ["id"],
            ["SELECT", "INSERT", "UPDATE"]),
        // Locks of groups of sessions; they hold nothing.
        .. hasSessions
            ? [new TableDefinition(application, SessionLocks, [new("table", "text"), new("slot", "integer")], ["table", "slot"], ["SELECT", "INSERT", "UPDATE"])]
            : Array.Empty<TableDefinition>(),
    ];
}
