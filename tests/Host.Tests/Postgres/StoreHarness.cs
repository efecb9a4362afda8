using Microsoft.Extensions.Logging.Abstractions;
using Npgsql;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>A state store on an empty database of its own, with a second way in to look at what it did.</summary>
internal sealed class StoreHarness : IAsyncDisposable
{
    public const string Application = "clickstream";

    private readonly NpgsqlDataSource _admin;
    private readonly List<PostgresStateStore> _stores = [];
    private readonly Topology _topology;

    private StoreHarness(string connectionString, Topology topology)
    {
        ConnectionString = connectionString;
        _topology = topology;
        _admin = NpgsqlDataSource.Create(connectionString);
        Store = Open();
    }

    public string ConnectionString { get; }

    public PostgresStateStore Store { get; }

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    /// <summary>A store that is prepared.</summary>
    public static async Task<StoreHarness> StartAsync(TestPostgres postgres, Topology topology)
    {
        var harness = await StartEmptyAsync(postgres, topology);
        await harness.Store.PrepareAsync(Cancel);
        return harness;
    }

    /// <summary>A store whose database has nothing in it yet.</summary>
    public static async Task<StoreHarness> StartEmptyAsync(TestPostgres postgres, Topology topology) =>
        new(await postgres.CreateDatabaseAsync(Cancel), topology);

    /// <summary>Another store on the same database: another node, role, or way there.</summary>
    public PostgresStateStore Open(
        PostgresOptions? options = null, string? connectionString = null, string application = Application, Topology? topology = null, string node = "node-1")
    {
        var limits = options ?? new PostgresOptions();
        var store = new PostgresStateStore(
            PostgresDataSource.Create(connectionString ?? ConnectionString, application, node, limits),
            application,
            topology ?? _topology,
            node,
            limits,
            NullLogger<PostgresStateStore>.Instance);
        _stores.Add(store);
        return store;
    }

    /// <summary>Takes over the workers' partitions.</summary>
    public async Task AcquireAsync(params Worker[] workers)
    {
        var starts = await Store.AcquireAsync([.. workers.Select(w => w.Partition)], Cancel);
        foreach (var worker in workers)
        {
            worker.Start(starts.Single(s => s.Partition == worker.Partition));
        }
    }

    /// <summary>Writes and commits what the workers did.</summary>
    public async Task CommitAsync(params Worker[] workers)
    {
        TaskCommit[] commits = [.. workers.Select(w => w.Take())];
        await using var transaction = await Store.WriteAsync(commits, Cancel);
        await transaction.CommitAsync(Cancel);
        foreach (var (worker, commit) in workers.Zip(commits))
        {
            worker.Committed(commit);
        }
    }

    public async Task ExecuteAsync(string sql)
    {
        await using var command = _admin.CreateCommand(sql);
        await command.ExecuteNonQueryAsync(Cancel);
    }

    /// <summary>The rows of a query, each as PostgreSQL writes a row: <c>(a,1,"b c")</c>.</summary>
    public async Task<IReadOnlyList<string>> RowsAsync(string sql)
    {
        await using var command = _admin.CreateCommand($"SELECT q::text FROM ({sql}) AS q");
        await using var reader = await command.ExecuteReaderAsync(Cancel);
        var rows = new List<string>();
        while (await reader.ReadAsync(Cancel))
        {
            rows.Add(reader.GetString(0));
        }

        return rows;
    }

    public async Task<T> ScalarAsync<T>(string sql)
    {
        await using var command = _admin.CreateCommand(sql);
        return (T)(await command.ExecuteScalarAsync(Cancel))!;
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var store in _stores)
        {
            await store.DisposeAsync();
        }

        await _admin.DisposeAsync();
    }
}

internal static class StoreCalls
{
    /// <summary>Writes where there is no log to wait for.</summary>
    public static Task<ICommitTransaction> WriteAsync(this IStateStore store, IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation) =>
        store.WriteAsync(tasks, beforeMerge: _ => Task.CompletedTask, cancellation);
}
