using Npgsql;
using Streams.Hosting.Embedded;
using Xunit;

namespace TestKit;

/// <summary>
/// One Postgres for all tests of an assembly, without fsync:
/// <code>[assembly: AssemblyFixture(typeof(TestPostgres))]</code>
/// Tests take it as a constructor parameter. One that stops or kills the server needs one of its own: <see cref="StartOwnAsync"/>.
/// </summary>
public sealed class TestPostgres : IAsyncLifetime
{
    private int databases;

    /// <summary>The server.</summary>
    public EmbeddedPostgres Server { get; private set; } = null!;

    /// <summary>A server of one test's own, which it may stop, restart and kill.</summary>
    /// <param name="cancel">Ends the start.</param>
    /// <param name="settings">Settings of its own, as in <c>postgresql.conf</c>.</param>
    public static Task<EmbeddedPostgres> StartOwnAsync(CancellationToken cancel = default, params (string Name, string Value)[] settings)
    {
        EmbeddedPostgresOptions options = Options;
        return EmbeddedPostgres.StartAsync(options with { Settings = options.Settings.Concat(settings.Select(s => KeyValuePair.Create(s.Name, s.Value))).ToDictionary() }, cancel);
    }

    /// <inheritdoc/>
    public async ValueTask InitializeAsync() => Server = await EmbeddedPostgres.StartAsync(Options);

    /// <summary>Creates an empty database for one test, and returns the connection string to it.</summary>
    public async Task<string> CreateDatabaseAsync(CancellationToken cancel = default)
    {
        string name = $"test_{Interlocked.Increment(ref databases)}";
        await using NpgsqlDataSource admin = NpgsqlDataSource.Create(
            new NpgsqlConnectionStringBuilder(Server.ConnectionString) { Pooling = false });
        await using NpgsqlCommand create = admin.CreateCommand($"CREATE DATABASE {name}");
        await create.ExecuteNonQueryAsync(cancel);
        return Server.ConnectionStringFor(name);
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        if (Server is not null)
        {
            await Server.DisposeAsync();
        }
    }

    private static EmbeddedPostgresOptions Options => new()
    {
        Root = Path.Combine(Path.GetTempPath(), $"streams-tests-{Environment.UserName}"),
        Temporary = true,
        Durable = false,
        // Every test's database has connection pools of its own.
        Settings = new Dictionary<string, string> { ["max_connections"] = "300" },
    };
}
