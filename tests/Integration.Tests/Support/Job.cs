using System.Globalization;
using Microsoft.Extensions.Configuration;
using Npgsql;
using Streams.Hosting.DeadLetters;
using TestKit;

namespace Integration.Tests.Support;

/// <summary>
/// The main job with a database, topics and an application id of its own, so that tests do not meet; and everything it
/// has written, as somebody sees it who reads tables and topics.
/// </summary>
internal sealed class Job : IAsyncDisposable
{
    private readonly List<Node> _nodes = [];
    private readonly string _postgres;
    private readonly NpgsqlDataSource _data;

    private Job(TestKafka kafka, string postgres)
    {
        Kafka = kafka;
        _postgres = postgres;
        _data = NpgsqlDataSource.Create(new NpgsqlConnectionStringBuilder(postgres) { MaxPoolSize = 5, Pooling = true, ApplicationName = "test" });
    }

    public TestKafka Kafka { get; }

    public string Clicks { get; } = TestKafka.UniqueName("clicks");

    public string Errors { get; } = TestKafka.UniqueName("errors");

    public string Counts { get; } = TestKafka.UniqueName("error-counts");

    public string Application { get; } = TestKafka.UniqueName("job");

    /// <summary>The app's program file; the one that was built with the tests if null.</summary>
    public string? Program { get; init; }

    /// <summary>Every node that was started, those that have ended, too.</summary>
    public IReadOnlyList<Node> Nodes => _nodes;

    /// <summary>Settings for every node, beyond where Kafka and PostgreSQL are.</summary>
    public Dictionary<string, string?> Settings { get; } = [];

    /// <summary>A job with its input topic and a new database.</summary>
    public static async Task<Job> CreateAsync(TestKafka kafka, TestPostgres postgres, int partitions = 4) =>
        await CreateAsync(kafka, await postgres.CreateDatabaseAsync(), partitions);

    /// <summary>A job with its input topic.</summary>
    /// <param name="kafka">Where its topics are.</param>
    /// <param name="postgres">A connection string to an empty database.</param>
    /// <param name="partitions">How many partitions the input has; 0 leaves creating it to the test.</param>
    /// <param name="program">The app's program file; the one that was built with the tests if null.</param>
    public static async Task<Job> CreateAsync(TestKafka kafka, string postgres, int partitions = 4, string? program = null)
    {
        var job = new Job(kafka, postgres) { Program = program };
        if (partitions > 0)
        {
            // Some tests write large records; only a topic's own limit would keep them out.
            await kafka.CreateTopicAsync(job.Clicks, partitions, new Dictionary<string, string> { ["max.message.bytes"] = "5000000" });
        }

        return job;
    }

    /// <summary>Starts a node.</summary>
    /// <param name="name">Its name, which makes it a static member of the group; without one it is a dynamic member.</param>
    /// <param name="settings">Settings of its own.</param>
    public Node Start(string? name = null, params (string Key, string Value)[] settings)
    {
        var all = VariablesFor(name);
        foreach (var (key, value) in settings)
        {
            all[key] = value;
        }

        var node = Node.Start(all, Program);
        _nodes.Add(node);
        return node;
    }

    /// <summary>Its dead letters, as people get at them.</summary>
    public DeadLetterTable OpenDeadLetters() => DeadLetterTable.Open(new ConfigurationBuilder().AddInMemoryCollection(
    [
        new("ConnectionStrings:Postgres", _postgres), new("Streams:ApplicationId", Application),
    ]).Build());

    /// <summary>Asks a question that has one answer, yes or no.</summary>
    public async Task<bool> AskAsync(string sql)
    {
        await using var command = _data.CreateCommand(sql);
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    public async Task<Node> StartReadyAsync(string? name = null, params (string Key, string Value)[] settings)
    {
        var node = Start(name, settings);
        await node.WaitUntilReadyAsync();
        return node;
    }

    /// <summary>Runs another command of the app to its end.</summary>
    /// <returns>Its exit code, and what it wrote.</returns>
    public async Task<(int ExitCode, string Output)> RunAsync(params string[] arguments)
    {
        await using var command = NodeProcess.Start(Node.Program, arguments, VariablesFor(null));
        return (await command.WaitForExitAsync(Patience.Long), command.Output);
    }

    public Task<IReadOnlyList<TestRecord>> ReadAsync(string topic, bool readCommitted = true) =>
        TopicReader.ReadToEndAsync(Kafka.BootstrapServers, topic, readCommitted, Patience.Long);

    /// <summary>The next offsets of the input as committed in PostgreSQL, by partition; partitions without one are left out.</summary>
    public Task<Dictionary<int, long>> NextOffsetsAsync() => ReadAsync(
        "partitions", "partition, next_offset", $"next_offset IS NOT NULL AND topic = '{Clicks}'", r => (Key: r.GetInt32(0), Value: r.GetInt64(1)),
        rows => rows.ToDictionary(r => r.Key, r => r.Value));

    /// <summary>How many of the input's records are committed.</summary>
    public async Task<long> CommittedAsync() => (await NextOffsetsAsync()).Values.Sum();

    /// <summary>Waits until that many of the input's records are committed.</summary>
    public async Task WaitUntilCommittedAsync(long records)
    {
        try
        {
            await Eventually.Until(CommittedAsync, committed => committed >= records, Patience.Long, $"{records} records are committed");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} The nodes wrote:\n{string.Join("\n---\n", _nodes.Select(n => n.Output))}", e);
        }
    }

    /// <summary>Which node holds which partition, as PostgreSQL has it.</summary>
    public Task<Dictionary<int, string>> OwnersAsync() => ReadAsync(
        "partitions", "partition, node", $"node IS NOT NULL AND topic = '{Clicks}'", r => (Key: r.GetInt32(0), Value: r.GetString(1)),
        rows => rows.ToDictionary(r => r.Key, r => r.Value));

    /// <summary>The rows of a table of its schema.</summary>
    public Task<IReadOnlyList<TRow>> RowsAsync<TRow>(string table, string columns, Func<NpgsqlDataReader, TRow> read) => ReadAsync(table, columns, null, read, rows => rows);

    public Task<IReadOnlyList<ErrorRow>> ErrorRowsAsync() => ReadAsync(
        "errors", "topic, partition, \"offset\", time, path, status, user_id", null,
        r => new ErrorRow(
            r.GetString(0), r.GetInt32(1), r.GetInt64(2), r.GetDateTime(3), r.GetString(4), r.GetInt32(5), r.IsDBNull(6) ? null : r.GetInt64(6)),
        rows => rows);

    public Task<IReadOnlyList<CountRow>> CountRowsAsync() => ReadAsync(
        "error_counts", "window_start, path, status, n", null,
        r => new CountRow(r.GetDateTime(0), r.GetString(1), r.GetInt32(2), r.GetInt64(3)), rows => rows);

    public Task<IReadOnlyList<DeadLetterRow>> DeadLettersAsync() => ReadAsync(
        "dead_letters", "topic, partition, \"offset\", reason, key, value", null,
        r => new DeadLetterRow(
            r.GetString(0), r.GetInt32(1), r.GetInt64(2), r.GetString(3),
            r.IsDBNull(4) ? null : r.GetFieldValue<byte[]>(4), r.IsDBNull(5) ? null : r.GetFieldValue<byte[]>(5)),
        rows => rows);

    /// <summary>Offsets, rows and counts as one moment shows them.</summary>
    public async Task<Snapshot> SnapshotAsync()
    {
        const string Sql = """
            SELECT p.partition, p.next_offset, count(e."offset"), COALESCE(max(e."offset"), -1)
            FROM {0}.partitions p LEFT JOIN {0}.errors e ON e.topic = p.topic AND e.partition = p.partition
            WHERE p.next_offset IS NOT NULL GROUP BY p.partition, p.next_offset;
            SELECT COALESCE(sum(n), 0)::bigint FROM {0}.error_counts;
            """;
        await using var connection = await _data.OpenConnectionAsync();
        await using var transaction = await connection.BeginTransactionAsync(System.Data.IsolationLevel.RepeatableRead);
        await using var command = new NpgsqlCommand(string.Format(CultureInfo.InvariantCulture, Sql, Schema), connection, transaction);
        await using var reader = await command.ExecuteReaderAsync();
        var partitions = new List<PartitionSnapshot>();
        while (await reader.ReadAsync())
        {
            partitions.Add(new(reader.GetInt32(0), reader.GetInt64(1), reader.GetInt64(2), reader.GetInt64(3)));
        }

        await reader.NextResultAsync();
        await reader.ReadAsync();
        return new Snapshot(partitions, reader.GetInt64(0));
    }

    /// <summary>Keeps every node from writing counts until it is disposed.</summary>
    public async Task<IAsyncDisposable> LockCountsAsync()
    {
        var connection = await _data.OpenConnectionAsync();
        await using var command = new NpgsqlCommand($"BEGIN; LOCK TABLE {Schema}.error_counts IN SHARE ROW EXCLUSIVE MODE", connection);
        await command.ExecuteNonQueryAsync();
        return connection;
    }

    /// <summary>Waits until a node is in the middle of a commit that waits for a lock.</summary>
    /// <param name="node">The node's name; any node if null.</param>
    public Task WaitUntilNodesWaitForLocksAsync(string? node = null) => Eventually.True(
        async () =>
        {
            await using var command = _data.CreateCommand(
                "SELECT count(*) > 0 FROM pg_stat_activity WHERE application_name LIKE $1 AND wait_event_type = 'Lock' AND datname = current_database()");
            command.Parameters.Add(new() { Value = $"streams/%{node}" });
            return (bool)(await command.ExecuteScalarAsync())!;
        },
        Patience.Short,
        "a node waits for a lock");

    /// <summary>Whether the node has made the job's tables yet.</summary>
    public async Task<bool> HasTablesAsync()
    {
        await using var command = _data.CreateCommand($"SELECT to_regclass('{Schema}.error_counts') IS NOT NULL");
        return (bool)(await command.ExecuteScalarAsync())!;
    }

    /// <summary>Runs a statement as the owner of the database.</summary>
    public async Task ExecuteAsync(string sql)
    {
        await using var command = _data.CreateCommand(sql);
        await command.ExecuteNonQueryAsync();
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var node in _nodes)
        {
            await node.DisposeAsync();
        }

        await _data.DisposeAsync();
    }

    private string Schema => $"\"{Application}\"";

    private async Task<TResult> ReadAsync<TRow, TResult>(
        string table, string columns, string? where, Func<NpgsqlDataReader, TRow> read, Func<IReadOnlyList<TRow>, TResult> result)
    {
        await using var command = _data.CreateCommand($"SELECT {columns} FROM {Schema}.{table}{(where is null ? "" : $" WHERE {where}")}");
        await using var reader = await command.ExecuteReaderAsync();
        var rows = new List<TRow>();
        while (await reader.ReadAsync())
        {
            rows.Add(read(reader));
        }

        return result(rows);
    }

    private Dictionary<string, string?> VariablesFor(string? node) => new(Settings)
    {
        ["ConnectionStrings__Kafka"] = Kafka.BootstrapServers,
        ["ConnectionStrings__Postgres"] = _postgres,
        ["Streams__ApplicationId"] = Application,
        ["Streams__NodeName"] = node,
        ["Clickstream__Clicks"] = Clicks,
        ["Clickstream__ErrorsTopic"] = Errors,
        ["Clickstream__CountsTopic"] = Counts,

        // So that a test need not wait long for a dead node's partitions: what a real broker allows at least.
        ["Kafka__Consumer__session_timeout_ms"] = Kafka.IsReal ? "6000" : "3000",
        ["Kafka__Consumer__heartbeat_interval_ms"] = "1000",
    };
}

/// <summary>A row of the table of errors.</summary>
internal sealed record ErrorRow(string Topic, int Partition, long Offset, DateTime Time, string Path, int Status, long? UserId);

/// <summary>A row of the table of counts.</summary>
internal sealed record CountRow(DateTime WindowStart, string Path, int Status, long N);

/// <summary>A row of the table of dead letters.</summary>
internal sealed record DeadLetterRow(string Topic, int Partition, long Offset, string Reason, byte[]? Key, byte[]? Value);

/// <summary>A partition at one moment: how far it is, and how many error rows it has up to which offset.</summary>
internal sealed record PartitionSnapshot(int Partition, long NextOffset, long Errors, long LastError);

/// <summary>The tables at one moment.</summary>
internal sealed record Snapshot(IReadOnlyList<PartitionSnapshot> Partitions, long Counted);
