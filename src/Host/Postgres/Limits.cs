using System.Globalization;
using Npgsql;

namespace Streams.Hosting.Postgres;

/// <summary>The first statement of every transaction: its time limits.</summary>
internal static class Limits
{
    public static NpgsqlBatchCommand Command(PostgresOptions options) => new(Sql.SetLimits)
    {
        Parameters = { Milliseconds(options.StatementTimeout), Milliseconds(options.LockTimeout), Milliseconds(options.IdleInTransactionTimeout) },
    };

    private static NpgsqlParameter Milliseconds(TimeSpan time) => new NpgsqlParameter<string>
    {
        TypedValue = Math.Max(1, (long)time.TotalMilliseconds).ToString(CultureInfo.InvariantCulture),
    };
}
