using Npgsql;
using NpgsqlTypes;
using Streams.Hosting.Topologies;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>The row that keeps the topology that was applied last.</summary>
internal sealed class TopologyRecord(string application, Topology topology)
{
    private readonly Sql _sql = new(application);
    private readonly TableDefinition _table = SystemTables.Of(application).Single(t => t.Name == SystemTables.Topology);
    private readonly TopologyDocument _declared = TopologyDocument.Of(topology, application);

    /// <summary>Compares what is declared with what was applied.</summary>
    /// <param name="connection">Where to look.</param>
    /// <param name="transaction">Its transaction; to store the outcome it must hold the schema's lock.</param>
    /// <param name="shape">What stands: a table that was dropped has no meaning left, whatever the record says of it.</param>
    /// <param name="cancellation">Ends it.</param>
    public async Task<TopologyComparison> CompareAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, DatabaseShape shape, CancellationToken cancellation)
    {
        if (!IsReadable(shape))
        {
            return TopologyComparison.First(_declared);
        }

        await using var command = new NpgsqlCommand(_sql.ReadTopology, connection, transaction);
        await using var reader = await command.ExecuteReaderAsync(cancellation);
        if (!await reader.ReadAsync(cancellation))
        {
            return TopologyComparison.First(_declared);
        }

        var appliedAt = reader.GetFieldValue<DateTimeOffset>(1);
        try
        {
            var stored = TopologyJson.Read(reader.GetString(0), application);
            var applied = stored with { Tables = [.. stored.Tables.Where(t => _declared.Table(t.Schema, t.Name) is null || shape.Table(t.Schema, t.Name) is not null)] };
            return TopologyComparison.Between(applied, _declared, appliedAt, reader.GetFieldValue<DateTimeOffset>(2));
        }
        catch (UnreadableTopologyException e)
        {
            return TopologyComparison.Unreadable(_declared, appliedAt, e.Message);
        }
    }

    /// <summary>Stores what is declared; the row stays as it is where nothing differs.</summary>
    public async Task WriteAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, TopologyDocument document, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(_sql.RecordTopology, connection, transaction)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = PostgresText.Clean(topology.Describe()) },
                new NpgsqlParameter<byte[]> { TypedValue = TopologyJson.Write(document), NpgsqlDbType = NpgsqlDbType.Jsonb },
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }

    /// <summary>Where it is not, the checks of tables and rights say so.</summary>
    private bool IsReadable(DatabaseShape shape) =>
        shape.Schema(application) is { MayUse: true } && shape.Table(_table) is { } existing && existing.Rights.Contains("SELECT") && SchemaComparer.Compare(_table, existing).Count == 0;
}
