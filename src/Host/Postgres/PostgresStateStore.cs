using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>
/// Offsets, state and results in PostgreSQL. Every transaction is READ COMMITTED, whatever the database's default: the
/// fence's row locks are what orders commits, and a lock that waited must look at the row as it is then.
/// </summary>
/// <remarks>
/// Locks are taken in this order: partitions by topic and number; then tables by schema and name, in each the rows by key.
/// Failures are thrown as they come; <see cref="PostgresFailures"/> tells them apart.
/// <para>
/// <c>synchronous_commit = off</c> is safe: a server that loses its last transactions in a crash loses offsets and results
/// together, and they are done again.
/// </para>
/// </remarks>
internal sealed class PostgresStateStore : IStateStore
{
    private readonly NpgsqlDataSource _dataSource;
    private readonly string _node;
    private readonly PostgresOptions _options;
    private readonly ILogger _logger;
    private readonly Sql _sql;
    private readonly TableTargets _targets;
    private readonly SchemaManager _schema;

    /// <param name="dataSource">The connections; see <see cref="PostgresDataSource"/>. The store disposes it.</param>
    /// <param name="application">The application's id, which names its schema.</param>
    /// <param name="topology">What is run: says which tables there are.</param>
    /// <param name="node">This node's name, for people who look at the table of partitions.</param>
    /// <param name="options">The limits.</param>
    /// <param name="logger">Where to log.</param>
    /// <exception cref="ArgumentException">The application id cannot name a schema, or a table collides with one of the system's.</exception>
    public PostgresStateStore(
        NpgsqlDataSource dataSource, string application, Topology topology, string node, PostgresOptions options, ILogger<PostgresStateStore> logger)
    {
        _dataSource = dataSource;
        _node = PostgresText.Clean(node);
        _options = options;
        _logger = logger;
        _sql = new Sql(application);
        _targets = new TableTargets(topology, application);
        _schema = new SchemaManager(application, topology, options, logger);
    }

    public async Task PrepareAsync(CancellationToken cancellation)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);
        await _schema.PrepareAsync(connection, cancellation);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_options), new NpgsqlBatchCommand(_sql.ForgetNodes) } };
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    public async Task<IReadOnlyList<PartitionStart>> AcquireAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation)
    {
        var sorted = partitions.Distinct().Order().ToList();
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);

        // Without a transaction of its own a batch is one: a single round trip.
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { Limits.Command(_options), Fence.Acquire(_sql, sorted, _node) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var starts = new List<PartitionStart>(sorted.Count);
        while (await reader.ReadAsync(cancellation))
        {
            starts.Add(new PartitionStart(
                Fence.PartitionOf(reader),
                reader.GetInt64(2),
                reader.IsDBNull(3) ? null : reader.GetInt64(3),
                reader.IsDBNull(4) ? null : reader.GetDateTime(4),
                reader.GetInt64(5)));
        }

        await reader.NextResultAsync(cancellation);
        return starts;
    }

    public async Task<IReadOnlyDictionary<TopicPartition, long>> ErasAsync(IReadOnlyList<TopicPartition> partitions, CancellationToken cancellation)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_options), Fence.Eras(_sql, partitions) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var eras = new Dictionary<TopicPartition, long>();
        while (await reader.ReadAsync(cancellation))
        {
            eras.Add(Fence.PartitionOf(reader), reader.GetInt64(2));
        }

        return eras;
    }

    public async Task LoadAsync(TopicPartition partition, IReadOnlyList<StateLoad> loads, CancellationToken cancellation)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_options) } };
        foreach (var load in loads)
        {
            batch.BatchCommands.Add(StateSql.Command(_targets.Of(load.Table), partition, load));
        }

        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        foreach (var load in loads)
        {
            await reader.NextResultAsync(cancellation);
            load.Complete(await StateSql.ReadAsync(reader, load.Keys.Count, cancellation));
        }
    }

    public async Task HeartbeatAsync(CancellationToken cancellation)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection)
        {
            BatchCommands = { Limits.Command(_options), new NpgsqlBatchCommand(_sql.Heartbeat) { Parameters = { new NpgsqlParameter<string> { TypedValue = _node } } } },
        };
        await batch.ExecuteNonQueryAsync(cancellation);
    }

    public async Task<ICommitTransaction> WriteAsync(
        IReadOnlyList<TaskCommit> tasks, Func<CancellationToken, Task> beforeMerge, CancellationToken cancellation)
    {
        using var writer = new CommitWriter(_sql, _targets, _node, _options, tasks);
        NpgsqlConnection? connection = null;
        NpgsqlTransaction? transaction = null;
        try
        {
            connection = await _dataSource.OpenConnectionAsync(cancellation);
            transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellation);
            await writer.WriteAsync(connection, transaction, beforeMerge, cancellation);
            return new CommitTransaction(connection, transaction, writer.Totals, writer.Gone, _logger);
        }
        catch
        {
            foreach (var rows in writer.Totals.Concat(writer.Gone))
            {
                rows.Dispose();
            }

            if (connection is not null)
            {
                await CommitTransaction.EndAsync(connection, transaction, _logger);
            }

            throw;
        }
    }

    /// <remarks>
    /// The connection may be gone while the server still works on its transaction, or has yet to read the COMMIT that was sent.
    /// So the rows are locked before they are read: that waits until the transaction has ended one way or the other.
    /// When the wait exceeds <see cref="PostgresOptions.LockTimeout"/> it fails as transient; ask again.
    /// </remarks>
    public async Task<bool> IsCommittedAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation)
    {
        var sorted = tasks.OrderBy(t => t.Changes.Partition).ToList();
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellation);
        await using var batch = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands = { Limits.Command(_options), Fence.ReadBack(_sql, sorted) },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        var isCommitted = await Fence.JudgeAsync(reader, sorted, cancellation);
        await reader.DisposeAsync();
        return isCommitted && (Fence.OffsetsTell(sorted) || !await AnyReplayIsOpenAsync(connection, transaction, sorted, cancellation));
    }

    public async Task<IReadOnlyList<ReplayRecord>> FindReplaysAsync(
        IReadOnlyCollection<(TopicPartition Partition, long After)> partitions, CancellationToken cancellation)
    {
        await using var connection = await _dataSource.OpenConnectionAsync(cancellation);
        await using var batch = new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_options), ReplayStatements.Find(_sql, partitions) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        await reader.NextResultAsync(cancellation);
        return await ReplayStatements.ReadAsync(reader, cancellation);
    }

    public ValueTask DisposeAsync() => _dataSource.DisposeAsync();

    /// <summary>What tells where offsets do not.</summary>
    private async Task<bool> AnyReplayIsOpenAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, List<TaskCommit> tasks, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(connection, transaction) { BatchCommands = { ReplayStatements.Open(_sql, tasks) } };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        return await reader.ReadAsync(cancellation);
    }
}
