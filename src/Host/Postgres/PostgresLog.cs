using Microsoft.Extensions.Logging;
using Streams.Hosting.Topologies;

namespace Streams.Hosting.Postgres;

/// <summary>What the state store logs.</summary>
internal static partial class PostgresLog
{
    [LoggerMessage(300, LogLevel.Information, "Created {Tables} in PostgreSQL.")]
    public static partial void Created(ILogger logger, string tables);

    [LoggerMessage(301, LogLevel.Information, "PostgreSQL {Version}, schema {Schema}: {Tables} tables are as they must be.")]
    public static partial void Prepared(ILogger logger, string version, string schema, int tables);

    [LoggerMessage(302, LogLevel.Debug, "A transaction that was given up could not be rolled back; the server does it when it notices that the connection is gone.")]
    public static partial void RollbackFailed(ILogger logger, Exception exception);

    [LoggerMessage(310, LogLevel.Information, "The topology changed: {Change}.")]
    public static partial void TopologyChanged(ILogger logger, TopologyChange change);
}
