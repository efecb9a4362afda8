namespace Streams.Hosting.Postgres;

/// <summary>The statements of those who look at dead letters, ask for replays and drop them. A node's own are in <see cref="Sql"/>.</summary>
internal sealed class DeadLetterSql(string application)
{
    /// <summary>
    /// Which rows d are meant. $1 topic, $2 partition, $3 text in the reason, each null for any; $4 to $6 topics, partitions and
    /// offsets, empty for any; $7 whether those that wait, $8 those that a replay is asked for, $9 those that went through.
    /// </summary>
    private const string Selected =
        """
        ($1::text IS NULL OR d.topic = $1) AND ($2::integer IS NULL OR d.partition = $2) AND ($3::text IS NULL OR position($3 IN d.reason) > 0)
            AND (cardinality($4::text[]) = 0
                OR (d.topic, d.partition, d."offset") IN (SELECT * FROM unnest($4::text[], $5::integer[], $6::bigint[])))
            AND CASE WHEN d.replayed_at IS NOT NULL THEN $9 WHEN d.requested_at IS NOT NULL THEN $8 ELSE $7 END
        """;

    private const string RowColumns =
        """
        d.topic, d.partition, d."offset", d.time, d.kafka_time, d.node, d.reason, d.attempts, octet_length(d.key), octet_length(d.value),
            d.requested_at, d.replayed_at
        """;

    private readonly string _deadLetters = Sql.Name(application, SystemTables.DeadLetters);
    private readonly string _partitions = Sql.Name(application, SystemTables.Partitions);
    private readonly string _nodes = Sql.Name(application, SystemTables.Nodes);

    /// <summary>$10 how many at most.</summary>
    public string List =>
        $"""
        SELECT {RowColumns} FROM {_deadLetters} AS d WHERE {Selected}
        ORDER BY d.topic, d.partition, d."offset" LIMIT $10
        """;

    public string Count => $"SELECT count(*) FROM {_deadLetters} AS d WHERE {Selected}";

    /// <summary>$10 how many reasons at most.</summary>
    public string Reasons =>
        $"""
        SELECT d.reason, count(*) FROM {_deadLetters} AS d WHERE {Selected}
        GROUP BY d.reason ORDER BY count(*) DESC, d.reason LIMIT $10
        """;

    public string PartitionsOf => $"SELECT DISTINCT d.topic, d.partition FROM {_deadLetters} AS d WHERE {Selected} ORDER BY 1, 2";

    /// <summary>$1 topic, $2 partition, $3 offset.</summary>
    public string Find =>
        $"""
        SELECT {RowColumns}, d.error, d.stream_time, d.headers, d.key, d.value
        FROM {_deadLetters} AS d WHERE d.topic = $1 AND d.partition = $2 AND d."offset" = $3
        """;

    /// <summary>
    /// Asks for replays of rows of one partition, which $1 and $2 name: numbers them, in the order of their offsets, with the
    /// partition's next numbers. The partition's row is locked until the end, so that a number is never seen before a lower
    /// one. Rows are found again by the whole key: where nothing is known of a new table's content, conditions on topic and
    /// partition would pass for so telling that rows are compared each with each. Gives back how many and the last number; no row where there is nothing to ask for.
    /// $10 how many at most.
    /// </summary>
    public string Request =>
        $"""
        WITH chosen AS MATERIALIZED (
            SELECT d.topic, d.partition, d."offset" FROM {_deadLetters} AS d WHERE {Selected} ORDER BY d."offset" LIMIT $10
        ), held AS MATERIALIZED (
            SELECT p.last_replay FROM {_partitions} AS p
            WHERE p.topic = $1 AND p.partition = $2 AND EXISTS (SELECT FROM chosen) FOR UPDATE
        ), free AS MATERIALIZED (
            SELECT d.topic, d.partition, d."offset"
            FROM chosen AS c JOIN {_deadLetters} AS d ON d.topic = c.topic AND d.partition = c.partition AND d."offset" = c."offset"
            WHERE EXISTS (SELECT FROM held) AND d.requested_at IS NULL AND d.replayed_at IS NULL
            ORDER BY d."offset" FOR UPDATE OF d
        ), numbered AS MATERIALIZED (
            SELECT f.*, h.last_replay + row_number() OVER (ORDER BY f."offset") AS replay FROM free AS f CROSS JOIN held AS h
        ), marked AS (
            UPDATE {_deadLetters} AS d SET replay = n.replay, requested_at = now()
            FROM numbered AS n WHERE d.topic = n.topic AND d.partition = n.partition AND d."offset" = n."offset"
        )
        UPDATE {_partitions} AS p SET last_replay = n.last
        FROM (SELECT max(replay) AS last, count(*) AS count FROM numbered) AS n
        WHERE p.topic = $1 AND p.partition = $2 AND n.count > 0
        RETURNING n.count, n.last
        """;

    /// <summary>$1 to $4 topics, partitions, first and last numbers; $5 how old a node's sign of life may be.</summary>
    public string Progress =>
        $"""
        SELECT
            (SELECT count(*) FROM {_deadLetters} AS d
                JOIN unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS r (topic, partition, first, last)
                ON d.topic = r.topic AND d.partition = r.partition AND d.replay BETWEEN r.first AND r.last
                WHERE d.requested_at IS NOT NULL),
            (SELECT count(*)::integer FROM {_nodes} AS n WHERE n.seen_at > now() - $5::interval)
        """;

    /// <summary>Of the replays that are done, those that failed again by reason, and those that went through without one. $1 to $4 as above.</summary>
    public string Outcome =>
        $"""
        SELECT CASE WHEN d.replayed_at IS NULL THEN d.reason END AS failure, count(*)
        FROM {_deadLetters} AS d
            JOIN unnest($1::text[], $2::integer[], $3::bigint[], $4::bigint[]) AS r (topic, partition, first, last)
            ON d.topic = r.topic AND d.partition = r.partition AND d.replay BETWEEN r.first AND r.last
        WHERE d.requested_at IS NULL
        GROUP BY 1 ORDER BY 2 DESC, 1
        """;

    /// <summary>What a node has been asked to replay stays: it may be in the middle of that. $10 how many at most.</summary>
    public string Drop =>
        $"""
        DELETE FROM {_deadLetters} AS t
        USING (SELECT d.topic, d.partition, d."offset" FROM {_deadLetters} AS d WHERE {Selected} LIMIT $10) AS m
        WHERE t.topic = m.topic AND t.partition = m.partition AND t."offset" = m."offset" AND t.requested_at IS NULL
        """;

    /// <summary>What a role needs to use all of this.</summary>
    public string Grants(string role) =>
        $"GRANT USAGE ON SCHEMA {Identifiers.Quote(application)} TO {Identifiers.Quote(role)};\n"
        + $"GRANT SELECT, UPDATE, DELETE ON {_deadLetters} TO {Identifiers.Quote(role)};\n"
        + $"GRANT SELECT, UPDATE ON {_partitions} TO {Identifiers.Quote(role)};\n"
        + $"GRANT SELECT ON {_nodes} TO {Identifiers.Quote(role)};";
}
