using System.Globalization;

namespace Streams.Hosting.Postgres;

/// <summary>
/// The statements of the state store: those on the system tables of one application, and those on result tables. What
/// creates and checks tables is in <see cref="SchemaSql"/>. Every identifier is quoted; every value is a parameter.
/// </summary>
internal sealed class Sql(string application)
{
    /// <summary>The limits of a transaction; they end with it. Milliseconds, as text.</summary>
    public const string SetLimits =
        "SELECT set_config('statement_timeout', $1, true), set_config('lock_timeout', $2, true), "
        + "set_config('idle_in_transaction_session_timeout', $3, true)";

    private readonly string _partitions = Name(application, SystemTables.Partitions);
    private readonly string _deadLetters = Name(application, SystemTables.DeadLetters);
    private readonly string _topology = Name(application, SystemTables.Topology);
    private readonly string _nodes = Name(application, SystemTables.Nodes);

    /// <summary>$1 topics, $2 partitions, in key order; $3 this node's name.</summary>
    public string Acquire =>
        $"""
        INSERT INTO {_partitions} AS p (topic, partition, epoch, node, updated_at)
        SELECT m.topic, m.partition, 1, $3, now()
        FROM unnest($1::text[], $2::integer[]) AS m (topic, partition)
        ON CONFLICT (topic, partition) DO UPDATE SET epoch = p.epoch + 1, node = excluded.node, updated_at = excluded.updated_at
        RETURNING p.topic, p.partition, p.epoch, p.next_offset, p.stream_time, p.era
        """;

    /// <summary>$1 topics, $2 partitions.</summary>
    public string Eras =>
        $"""
        SELECT p.topic, p.partition, p.era
        FROM {_partitions} AS p
            JOIN unnest($1::text[], $2::integer[]) AS m (topic, partition) ON p.topic = m.topic AND p.partition = m.partition
        """;

    /// <summary>$1 this node's name.</summary>
    public string Heartbeat =>
        $"""
        INSERT INTO {_nodes} AS n (name, started_at, seen_at) VALUES ($1, now(), now())
        ON CONFLICT (name) DO UPDATE SET seen_at = excluded.seen_at
        """;

    /// <summary>Nodes without a name of their own have another one each time; those unseen for a day are gone.</summary>
    public string ForgetNodes =>
        $"""
        DELETE FROM {_nodes} WHERE name IN (
            SELECT name FROM {_nodes} WHERE seen_at < now() - interval '1 day' FOR UPDATE SKIP LOCKED)
        """;

    /// <summary>
    /// Moves the offsets and gives back the partitions that were still ours. The rows are locked in key order first (an
    /// UPDATE takes them in whatever order its join gives), and the condition stands in both parts: the lock may have waited
    /// for a commit that the statement's snapshot does not show, and each part looks at the row's newest version again.
    /// $1 topics, $2 partitions, $3 epochs, $4 offsets read from, $5 next offsets, $6 stream times, $7 this node's name.
    /// </summary>
    public string Fence =>
        $"""
        WITH mine AS MATERIALIZED (
            SELECT * FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[], $5::bigint[], $6::timestamptz[])
                AS m (topic, partition, epoch, read_from, next_offset, stream_time)
        ), held AS MATERIALIZED (
            SELECT p.topic, p.partition
            FROM {_partitions} AS p JOIN mine AS m ON p.topic = m.topic AND p.partition = m.partition
            WHERE p.epoch = m.epoch AND p.next_offset IS NOT DISTINCT FROM m.read_from
            ORDER BY p.topic COLLATE "C", p.partition
            FOR UPDATE OF p
        )
        UPDATE {_partitions} AS p
        SET next_offset = m.next_offset, stream_time = m.stream_time, node = $7, updated_at = now()
        FROM mine AS m JOIN held AS h ON h.topic = m.topic AND h.partition = m.partition
        WHERE p.topic = m.topic AND p.partition = m.partition
            AND p.epoch = m.epoch AND p.next_offset IS NOT DISTINCT FROM m.read_from
        RETURNING p.topic, p.partition
        """;

    /// <summary>
    /// Where partitions stand, once every transaction that touches them has ended: the locks wait for it.
    /// $1 topics, $2 partitions.
    /// </summary>
    public string ReadBack =>
        $"""
        SELECT p.topic, p.partition, p.epoch, p.next_offset
        FROM {_partitions} AS p
            JOIN unnest($1::text[], $2::integer[]) AS m (topic, partition) ON p.topic = m.topic AND p.partition = m.partition
        ORDER BY p.topic COLLATE "C", p.partition
        FOR UPDATE OF p
        """;

    /// <summary>
    /// Without a conflict target, so that INSERT is the only right it needs.
    /// $1 topics, $2 partitions, $3 offsets, $4 Kafka times, $5 nodes, $6 reasons, $7 errors, $8 keys, $9 values,
    /// $10 headers, $11 stream times.
    /// </summary>
    public string InsertDeadLetters =>
        $"""
        INSERT INTO {_deadLetters} (topic, partition, "offset", kafka_time, node, reason, error, key, value, headers, stream_time)
        SELECT * FROM unnest(
            $1::text[], $2::integer[], $3::bigint[], $4::timestamptz[], $5::text[], $6::text[], $7::text[], $8::bytea[], $9::bytea[], $10::jsonb[], $11::timestamptz[])
        ON CONFLICT DO NOTHING
        """;

    /// <summary>
    /// Open requests to replay, each partition's in the order of their numbers, up to so many rows and bytes; at least one,
    /// however large.
    /// $1 topics, $2 partitions, $3 numbers: only requests above; $4 rows, $5 bytes.
    /// </summary>
    public string Replays =>
        $"""
        SELECT topic, partition, "offset", replay, kafka_time, key, value, headers, stream_time
        FROM (
            SELECT l.*, row_number() OVER w AS place,
                sum(coalesce(octet_length(l.key), 0) + coalesce(octet_length(l.value), 0) + coalesce(pg_column_size(l.headers), 0)) OVER w AS bytes
            FROM unnest($1::text[], $2::integer[], $3::bigint[]) AS m (topic, partition, replay)
                CROSS JOIN LATERAL (
                    SELECT * FROM {_deadLetters} AS d
                    WHERE d.topic = m.topic AND d.partition = m.partition AND d.replay > m.replay AND d.requested_at IS NOT NULL
                    ORDER BY d.replay LIMIT $4
                ) AS l
            WINDOW w AS (ORDER BY l.replay, l.topic, l.partition)
        ) AS r
        WHERE r.place = 1 OR (r.place <= $4 AND r.bytes <= $5)
        ORDER BY r.place
        """;

    /// <summary>
    /// Notes how replays went. What is marked as replayed already stays so.
    /// $1 topics, $2 partitions, $3 offsets; of those that failed again: $4 nodes, $5 reasons, $6 errors, else nulls.
    /// </summary>
    public string MarkReplays =>
        $"""
        UPDATE {_deadLetters} AS d
        SET requested_at = NULL,
            replayed_at = CASE WHEN m.reason IS NULL THEN now() END,
            attempts = d.attempts + CASE WHEN m.reason IS NULL THEN 0 ELSE 1 END,
            node = coalesce(m.node, d.node),
            reason = coalesce(m.reason, d.reason),
            error = CASE WHEN m.reason IS NULL THEN d.error ELSE m.error END
        FROM unnest($1::text[], $2::integer[], $3::bigint[], $4::text[], $5::text[], $6::text[]) AS m (topic, partition, "offset", node, reason, error)
        WHERE d.topic = m.topic AND d.partition = m.partition AND d."offset" = m."offset" AND d.replayed_at IS NULL
        """;

    /// <summary>
    /// Which of these replays are still asked for.
    /// $1 topics, $2 partitions, $3 offsets, $4 numbers.
    /// </summary>
    public string OpenReplays =>
        $"""
        SELECT d.topic, d.partition, d.replay
        FROM {_deadLetters} AS d JOIN unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS m (topic, partition, "offset", replay)
            ON d.topic = m.topic AND d.partition = m.partition AND d."offset" = m."offset" AND d.replay = m.replay
        WHERE d.requested_at IS NOT NULL
        """;

    public string ReadTopology => $"SELECT tables::text, applied_at, now() FROM {_topology} WHERE id = 1";

    /// <summary>$1 description, $2 the document as JSON.</summary>
    public string RecordTopology =>
        $"""
        INSERT INTO {_topology} AS t (id, description, tables, applied_at) VALUES (1, $1, $2, now())
        ON CONFLICT (id) DO UPDATE SET description = excluded.description, tables = excluded.tables, applied_at = excluded.applied_at
        WHERE (t.description, t.tables) IS DISTINCT FROM (excluded.description, excluded.tables)
        """;

    public static string Name(string schema, string name) => $"{Identifiers.Quote(schema)}.{Identifiers.Quote(name)}";

    /// <summary>The type's name, as PostgreSQL's <c>format_type</c> writes it.</summary>
    public static string TypeOf(ColumnType type) => type switch
    {
        ColumnType.Text => "text",
        ColumnType.SmallInt => "smallint",
        ColumnType.Integer => "integer",
        ColumnType.BigInt => "bigint",
        ColumnType.Double => "double precision",
        ColumnType.Numeric => "numeric",
        ColumnType.Boolean => "boolean",
        ColumnType.Timestamp => "timestamp with time zone",
        ColumnType.Uuid => "uuid",
        ColumnType.Bytes => "bytea",
        ColumnType.Json => "jsonb",
        _ => throw new ArgumentOutOfRangeException(nameof(type), type, "unknown column type"),
    };

    /// <summary>What a computed column is computed from.</summary>
    public static string Quotient(string dividend, string divisor, ColumnType type) =>
        $"{Identifiers.Quote(dividend)}::{TypeOf(type)} / NULLIF({Identifiers.Quote(divisor)}, 0)";

    /// <summary>Takes rows in PostgreSQL's binary copy format.</summary>
    public static string Copy(string table, IEnumerable<Column> columns) =>
        $"COPY {table} ({Names(columns)}) FROM STDIN (FORMAT BINARY)";

    /// <summary>
    /// Merges rows into those that stand, one array parameter per written column, in key order: the order of the locks. A key
    /// comes once, since one INSERT may not touch a row twice.
    /// </summary>
    /// <param name="table">The table's quoted name.</param>
    /// <param name="schema">Its columns and their rules.</param>
    /// <param name="returning">Whether to give back all columns of the rows that changed.</param>
    public static string Merge(string table, TableSchema schema, bool returning)
    {
        var written = schema.WrittenColumns.ToList();
        var arrays = string.Join(", ", written.Select((c, i) => string.Create(CultureInfo.InvariantCulture, $"${i + 1}::{TypeOf(c.Type)}[]")));
        var fields = string.Join(", ", written.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"c{i}")));
        var rules = written.Where(c => c.Merge != MergeRule.Key).Select(Rule).ToList();
        var action = rules.Count == 0 ? "NOTHING" : $"UPDATE SET {string.Join(", ", rules)}";
        return $"INSERT INTO {table} AS t ({Names(written)}) SELECT {fields} FROM unnest({arrays}) AS d ({fields})"
            + $" ON CONFLICT ({Names(schema.KeyColumns)}) DO {action}"
            + (returning ? $" RETURNING {string.Join(", ", schema.Columns.Select(c => $"t.{Identifiers.Quote(c.Name)}"))}" : "");
    }

    private static string Names(IEnumerable<Column> columns) => string.Join(", ", columns.Select(c => Identifiers.Quote(c.Name)));

    /// <summary>How a row that exists takes a new value in.</summary>
    private static string Rule(Column column)
    {
        var name = Identifiers.Quote(column.Name);
        return column.Merge switch
        {
            MergeRule.Replace => $"{name} = excluded.{name}",
            MergeRule.Add => $"{name} = t.{name} + excluded.{name}",
            MergeRule.Least => $"{name} = LEAST(t.{name}, excluded.{name})",
            MergeRule.Greatest => $"{name} = GREATEST(t.{name}, excluded.{name})",
            _ => throw new ArgumentOutOfRangeException(nameof(column), column.Merge, "a rule that writes nothing"),
        };
    }
}
