namespace Streams.Hosting.Embedded;

/// <summary>Where and how <see cref="EmbeddedPostgres"/> keeps its server.</summary>
public sealed record EmbeddedPostgresOptions
{
    /// <summary>
    /// The folder that holds the server's folder, <c>postgres</c>; made when missing. Default: <c>.data</c> in the current folder.
    /// While one process uses <c>postgres</c>, the next gets <c>postgres-2</c>, and so on, each with its own data.
    /// </summary>
    public string Root { get; init; } = ".data";

    /// <summary>The database to create and to connect to. Default: <c>streams</c>.</summary>
    public string Database { get; init; } = "streams";

    /// <summary>
    /// Whether committed data survive a power failure. Default: true. Without it the server calls no fsync, which makes tests
    /// faster; a killed server still keeps everything that was committed.
    /// </summary>
    public bool Durable { get; init; } = true;

    /// <summary>Whether the server starts with empty data and leaves none behind. Default: false, data are kept between runs.</summary>
    public bool Temporary { get; init; }

    /// <summary>The server's port, or null for one that is free; the port of the last run, if it still is. Default: null.</summary>
    public int? Port { get; init; }

    /// <summary>The folder with the programs <c>initdb</c> and <c>postgres</c>, or null to look for them. Default: null.</summary>
    public string? BinFolder { get; init; }

    /// <summary>Further server settings by name, as in <c>postgresql.conf</c>. Default: none.</summary>
    public IReadOnlyDictionary<string, string> Settings { get; init; } = new Dictionary<string, string>();

    /// <summary>How long the server may take to accept connections, crash recovery included. Default: 60 seconds.</summary>
    public TimeSpan StartTimeout { get; init; } = TimeSpan.FromSeconds(60);
}
