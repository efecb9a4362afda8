using Microsoft.Extensions.Logging;
using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>A transaction that has written everything. Its totals are valid until it is disposed.</summary>
internal sealed class CommitTransaction(
    NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<RowBuffer> totals, IReadOnlyList<RowBuffer> gone, ILogger logger)
    : ICommitTransaction
{
    public IReadOnlyList<RowBuffer> Totals => totals;

    public IReadOnlyList<RowBuffer> Gone => gone;

    public async Task EnsureHeldAsync(CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand("SELECT 1", connection, transaction);
        await command.ExecuteNonQueryAsync(cancellation);
    }

    public async Task CommitAsync(CancellationToken cancellation)
    {
        cancellation.ThrowIfCancellationRequested();
        try
        {
            // From here on nobody gives up early: a COMMIT under way cannot be taken back, and the answer is worth waiting
            // for. The command timeout bounds it.
            await transaction.CommitAsync(CancellationToken.None);
        }
        catch (Exception e) when (!PostgresFailures.IsDefinite(e))
        {
            throw new CommitOutcomeUnknownException(e);
        }
    }

    public async ValueTask DisposeAsync()
    {
        foreach (var rows in totals.Concat(gone))
        {
            rows.Dispose();
        }

        await EndAsync(connection, transaction, logger);
    }

    /// <summary>Rolls back what was not committed, and gives the connection back; a broken one is thrown away.</summary>
    public static async ValueTask EndAsync(NpgsqlConnection connection, NpgsqlTransaction? transaction, ILogger logger)
    {
        try
        {
            if (transaction is not null)
            {
                await transaction.DisposeAsync();
            }
        }
        catch (Exception e)
        {
            PostgresLog.RollbackFailed(logger, e);
        }
        finally
        {
            await connection.DisposeAsync();
        }
    }
}
