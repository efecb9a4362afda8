using Microsoft.Extensions.Configuration;
using Npgsql;
using NpgsqlTypes;
using Streams.Hosting.Postgres;

namespace Streams.Hosting.DeadLetters;

/// <summary>
/// An application's dead letters, for people and tools: to look at, to have replayed, to drop. Works beside running nodes;
/// nothing here processes a record itself.
/// </summary>
/// <example><code>
/// await using var letters = DeadLetterTable.Open(configuration);
/// var request = await letters.RequestReplayAsync(new DeadLetterSelection { Reason = "MaxRecordBytes" });
/// </code></example>
public sealed class DeadLetterTable : IAsyncDisposable
{
    /// <summary>Each statement asks for or drops so many, so that nodes do not wait long for its locks.</summary>
    private const int StatementRows = 5_000;

    private const int ShownReasons = 100;
    private static readonly TimeSpan _signOfLife = TimeSpan.FromSeconds(15);
    private readonly NpgsqlDataSource _source;
    private readonly PostgresOptions _limits;
    private readonly DeadLetterSql _sql;
    private readonly string _application;

    private DeadLetterTable(NpgsqlDataSource source, PostgresOptions limits, string application)
    {
        _source = source;
        _limits = limits;
        _application = application;
        _sql = new DeadLetterSql(application);
    }

    /// <summary>Opens the table of an application, with a node's own settings. Connects at first use.</summary>
    /// <param name="configuration">The node's configuration: <c>Streams:ApplicationId</c>, <c>ConnectionStrings:Postgres</c>.</param>
    /// <exception cref="StreamsConfigurationException">One of them is missing or wrong.</exception>
    public static DeadLetterTable Open(IConfiguration configuration)
    {
        ArgumentNullException.ThrowIfNull(configuration);
        var application = OperatorConnection.Application(configuration);
        var settings = OperatorConnection.Settings(configuration, application, "dlq", isPooled: true);
        return new DeadLetterTable(NpgsqlDataSource.Create(settings), StreamsHosting.PostgresLimits(configuration), application);
    }

    /// <summary>The selected dead letters, by topic, partition and offset.</summary>
    /// <param name="selection">Which.</param>
    /// <param name="limit">How many at most.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="DeadLetterException">It did not work.</exception>
    public Task<IReadOnlyList<DeadLetterRow>> ListAsync(DeadLetterSelection selection, int limit, CancellationToken cancellation = default) =>
        ReadAsync(_sql.List, [.. Selected(selection), Of(limit)], RowOf, cancellation);

    /// <summary>How many are selected, and why they failed.</summary>
    /// <exception cref="DeadLetterException">It did not work.</exception>
    public async Task<DeadLetterSummary> SummarizeAsync(DeadLetterSelection selection, CancellationToken cancellation = default)
    {
        var count = await ReadAsync(_sql.Count, Selected(selection), r => r.GetInt64(0), cancellation);
        var reasons = await ReadAsync(
            _sql.Reasons, [.. Selected(selection), Of(ShownReasons)], r => new DeadLetterCount(r.GetString(0), r.GetInt64(1)), cancellation);
        return new DeadLetterSummary(count[0], reasons);
    }

    /// <summary>One dead letter with its bytes.</summary>
    /// <returns><c>null</c> if there is none at this position.</returns>
    /// <exception cref="DeadLetterException">It did not work.</exception>
    public async Task<DeadLetterDetails?> FindAsync(DeadLetterPosition position, CancellationToken cancellation = default)
    {
        var found = await ReadAsync(
            _sql.Find,
            [Of(position.Topic), Of(position.Partition), new NpgsqlParameter<long> { TypedValue = position.Offset }],
            r => new DeadLetterDetails(
                RowOf(r),
                r.IsDBNull(12) ? null : r.GetString(12),
                Time(r, 13),
                HeaderJson.Read(r.IsDBNull(14) ? null : r.GetString(14)),
                Bytes(r, 15),
                Bytes(r, 16)),
            cancellation);
        return found.Count == 0 ? null : found[0];
    }

    /// <summary>
    /// Asks the running nodes to run the selected dead letters that wait once more; <see cref="DeadLetterSelection.States"/> is
    /// passed over. They are done by the owners of their partitions, within seconds, each with its effects and its mark in
    /// one transaction; see <see cref="ProgressAsync"/>. What was asked for stays asked for until a node has done it.
    /// </summary>
    /// <exception cref="DeadLetterException">It did not work. What was asked for until then stays.</exception>
    public async Task<ReplayRequest> RequestReplayAsync(DeadLetterSelection selection, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(selection);
        var waiting = selection with { States = DeadLetterStates.Waiting };
        var ranges = new List<ReplayRange>();
        foreach (var (topic, partition) in await ReadAsync(_sql.PartitionsOf, Selected(waiting), r => (r.GetString(0), r.GetInt32(1)), cancellation))
        {
            var ofPartition = waiting with { Topic = topic, Partition = partition };
            while (await ReadAsync(
                _sql.Request, [.. Selected(ofPartition), Of(StatementRows)], r => (Count: r.GetInt64(0), Last: r.GetInt64(1)), cancellation) is [var (count, last)])
            {
                ranges.Add(new ReplayRange(topic, partition, last - count + 1, last));
            }
        }

        return new ReplayRequest(ranges);
    }

    /// <summary>How far a request is, and whether anybody is there to do it.</summary>
    /// <exception cref="DeadLetterException">It did not work.</exception>
    public async Task<ReplayProgress> ProgressAsync(ReplayRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var answer = await ReadAsync(
            _sql.Progress,
            [.. Ranges(request), new NpgsqlParameter<TimeSpan> { TypedValue = _signOfLife }],
            r => new ReplayProgress(r.GetInt64(0), r.GetInt32(1)),
            cancellation);
        return answer[0];
    }

    /// <summary>What has become of those dead letters of a request that are done.</summary>
    /// <exception cref="DeadLetterException">It did not work.</exception>
    public async Task<ReplayOutcome> OutcomeAsync(ReplayRequest request, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(request);
        var groups = await ReadAsync(_sql.Outcome, Ranges(request), r => (Failure: r.IsDBNull(0) ? null : r.GetString(0), Count: r.GetInt64(1)), cancellation);
        var failed = groups.Where(g => g.Failure is not null).ToList();
        return new ReplayOutcome(
            groups.Where(g => g.Failure is null).Sum(g => g.Count),
            new DeadLetterSummary(failed.Sum(f => f.Count), [.. failed.Take(ShownReasons).Select(f => new DeadLetterCount(f.Failure!, f.Count))]));
    }

    /// <summary>Deletes the selected dead letters for good. Those that a replay is asked for stay: a node may be in the middle of it.</summary>
    /// <returns>How many.</returns>
    /// <exception cref="DeadLetterException">It did not work. What was dropped until then is gone.</exception>
    public async Task<long> DropAsync(DeadLetterSelection selection, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(selection);
        var droppable = selection with { States = selection.States & ~DeadLetterStates.Requested };
        long dropped = 0;
        while (true)
        {
            var count = await TryAsync(
                async () =>
                {
                    await using var connection = await _source.OpenConnectionAsync(cancellation);
                    await using var batch = Batch(connection, _sql.Drop, [.. Selected(droppable), Of(StatementRows)]);
                    await batch.ExecuteNonQueryAsync(cancellation);
                    return batch.BatchCommands[^1].RecordsAffected;
                });
            if (count == 0)
            {
                return dropped;
            }

            dropped += count;
        }
    }

    /// <summary>Closes its connections.</summary>
    public ValueTask DisposeAsync() => _source.DisposeAsync();

    private static NpgsqlParameter[] Selected(DeadLetterSelection selection)
    {
        ArgumentNullException.ThrowIfNull(selection);
        return
        [
            Of(selection.Topic),
            new NpgsqlParameter { Value = (object?)selection.Partition ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Integer },
            Of(selection.Reason),
            ArrayParameters.Of(selection.Positions.Select(p => p.Topic).ToArray(), NpgsqlDbType.Text),
            ArrayParameters.Of(selection.Positions.Select(p => p.Partition).ToArray(), NpgsqlDbType.Integer),
            ArrayParameters.Of(selection.Positions.Select(p => p.Offset).ToArray(), NpgsqlDbType.Bigint),
            State(DeadLetterStates.Waiting),
            State(DeadLetterStates.Requested),
            State(DeadLetterStates.Replayed),
        ];

        NpgsqlParameter State(DeadLetterStates state) => new NpgsqlParameter<bool> { TypedValue = selection.States.HasFlag(state) };
    }

    private static NpgsqlParameter[] Ranges(ReplayRequest request) =>
    [
        ArrayParameters.Of(request.Ranges.Select(r => r.Topic).ToArray(), NpgsqlDbType.Text),
        ArrayParameters.Of(request.Ranges.Select(r => r.Partition).ToArray(), NpgsqlDbType.Integer),
        ArrayParameters.Of(request.Ranges.Select(r => r.First).ToArray(), NpgsqlDbType.Bigint),
        ArrayParameters.Of(request.Ranges.Select(r => r.Last).ToArray(), NpgsqlDbType.Bigint),
    ];

    private static NpgsqlParameter Of(string? text) => new() { Value = (object?)text ?? DBNull.Value, NpgsqlDbType = NpgsqlDbType.Text };

    private static NpgsqlParameter Of(int number) => new NpgsqlParameter<int> { TypedValue = number };

    private static DeadLetterRow RowOf(NpgsqlDataReader r) => new(
        new DeadLetterPosition(r.GetString(0), r.GetInt32(1), r.GetInt64(2)),
        r.GetDateTime(3),
        Time(r, 4),
        r.GetString(5),
        r.GetString(6),
        r.GetInt32(7),
        r.IsDBNull(8) ? null : r.GetInt32(8),
        r.IsDBNull(9) ? null : r.GetInt32(9),
        Time(r, 10),
        Time(r, 11));

    private static DateTime? Time(NpgsqlDataReader reader, int column) => reader.IsDBNull(column) ? null : reader.GetDateTime(column);

    private static ReadOnlyMemory<byte>? Bytes(NpgsqlDataReader reader, int column) =>
        reader.IsDBNull(column) ? default(ReadOnlyMemory<byte>?) : reader.GetFieldValue<byte[]>(column);

    private NpgsqlBatch Batch(NpgsqlConnection connection, string sql, IEnumerable<NpgsqlParameter> parameters)
    {
        var command = new NpgsqlBatchCommand(sql);
        foreach (var parameter in parameters)
        {
            command.Parameters.Add(parameter);
        }

        return new NpgsqlBatch(connection) { BatchCommands = { Limits.Command(_limits), command } };
    }

    private Task<IReadOnlyList<T>> ReadAsync<T>(
        string sql, IEnumerable<NpgsqlParameter> parameters, Func<NpgsqlDataReader, T> read, CancellationToken cancellation) => TryAsync(
        async () =>
        {
            await using var connection = await _source.OpenConnectionAsync(cancellation);
            await using var batch = Batch(connection, sql, parameters);
            await using var reader = await batch.ExecuteReaderAsync(cancellation);
            await reader.NextResultAsync(cancellation);
            var rows = new List<T>();
            while (await reader.ReadAsync(cancellation))
            {
                rows.Add(read(reader));
            }

            return (IReadOnlyList<T>)rows;
        });

    private async Task<T> TryAsync<T>(Func<Task<T>> work)
    {
        try
        {
            return await work();
        }
        catch (PostgresException e) when (e.SqlState is PostgresErrorCodes.InsufficientPrivilege)
        {
            var role = new NpgsqlConnectionStringBuilder(_source.ConnectionString).Username ?? "";
            throw new DeadLetterException(
                $"The role {Identifiers.Quote(role)} may not do that: {e.MessageText}. These statements, run by the owner of the tables, allow everything that concerns dead letters:\n{_sql.Grants(role)}", e);
        }
        catch (Exception e) when (OperatorConnection.Explain(e, _application) is { } message)
        {
            throw new DeadLetterException(message, e);
        }
    }
}
