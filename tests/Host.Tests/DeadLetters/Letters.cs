using System.Globalization;
using Microsoft.Extensions.Configuration;
using Streams.Hosting.DeadLetters;
using Streams.Hosting.Tests.Postgres;
using TestKit;

namespace Streams.Hosting.Tests.DeadLetters;

/// <summary>A state store with dead letters in it, and the way that people get at them.</summary>
internal sealed class Letters : IAsyncDisposable
{
    private Letters(StoreHarness store)
    {
        Store = store;
        Table = Open(store.ConnectionString);
    }

    public StoreHarness Store { get; }

    public DeadLetterTable Table { get; }

    public static async Task<Letters> StartAsync(TestPostgres postgres) => new(await StoreHarness.StartAsync(postgres, Clicks.Topology()));

    public static DeadLetterTable Open(string connectionString, string application = StoreHarness.Application) =>
        DeadLetterTable.Open(new ConfigurationBuilder().AddInMemoryCollection(
        [
            new("ConnectionStrings:Postgres", connectionString), new("Streams:ApplicationId", application),
        ]).Build());

    /// <summary>A dead letter that would go through by now: an error at the given second of the first minute.</summary>
    public Task AddAsync(int partition, long offset, string reason = "too large", string? value = null) => Store.ExecuteAsync(string.Create(
        CultureInfo.InvariantCulture,
        $"""
        INSERT INTO clickstream.dead_letters (topic, partition, "offset", kafka_time, node, reason, error, value)
        VALUES ('clickstream', {partition}, {offset}, '2026-01-01 00:00:01Z', 'SOURCE', '{reason}', 'stack', convert_to('{value ?? Clicks.Json("/a", 500)}', 'UTF8'))
        """));

    /// <summary>How each stands: partition, offset, attempts, whether a replay is asked for, whether it went through, reason, error.</summary>
    public Task<IReadOnlyList<string>> RowsAsync() => Store.RowsAsync(
        """SELECT partition, "offset", attempts, requested_at IS NOT NULL, replayed_at IS NOT NULL, reason, error FROM clickstream.dead_letters ORDER BY 1, 2""");

    public async ValueTask DisposeAsync()
    {
        await Table.DisposeAsync();
        await Store.DisposeAsync();
    }
}
