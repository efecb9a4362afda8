using Npgsql;

namespace Streams.Hosting.Postgres;

/// <summary>A table as it stands in the database.</summary>
internal sealed record ExistingTable(
    char Kind, bool MayAlter, IReadOnlyList<string> Rights, string? PrimaryKeyName, IReadOnlyList<string> PrimaryKey, IReadOnlyList<ExistingColumn> Columns);

/// <summary>A column as it stands in the database.</summary>
internal sealed record ExistingColumn(string Name, string Type, bool Nullable, bool Computed, bool HasDefault, bool AlwaysIdentity);

/// <summary>What this role may do in a schema that exists.</summary>
internal sealed record ExistingSchema(bool MayUse, bool MayCreate);

/// <summary>The server, the role, and those schemas and tables that were asked for and exist.</summary>
internal sealed class DatabaseShape
{
    private readonly Dictionary<string, ExistingSchema> _schemas = new(StringComparer.Ordinal);
    private readonly Dictionary<(string, string), ExistingTable> _tables = [];

    private DatabaseShape() { }

    public string Version { get; private set; } = "";

    public int VersionNumber { get; private set; }

    public string Encoding { get; private set; } = "";

    public string Role { get; private set; } = "";

    public string Database { get; private set; } = "";

    public bool MayCreateSchemas { get; private set; }

    public ExistingSchema? Schema(string name) => _schemas.GetValueOrDefault(name);

    public ExistingTable? Table(TableDefinition table) => Table(table.Schema, table.Name);

    public ExistingTable? Table(string schema, string name) => _tables.GetValueOrDefault((schema, name));

    /// <summary>Looks everything up in one round trip.</summary>
    public static async Task<DatabaseShape> ReadAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, IReadOnlyList<TableDefinition> tables, CancellationToken cancellation)
    {
        var schemas = tables.Select(t => t.Schema).ToArray();
        var names = tables.Select(t => t.Name).ToArray();
        await using var batch = new NpgsqlBatch(connection, transaction)
        {
            BatchCommands =
            {
                new(SchemaSql.Server),
                new(SchemaSql.Schemas) { Parameters = { Array(schemas) } },
                new(SchemaSql.Tables) { Parameters = { Array(schemas), Array(names) } },
                new(SchemaSql.Columns) { Parameters = { Array(schemas), Array(names) } },
            },
        };
        await using var reader = await batch.ExecuteReaderAsync(cancellation);
        var shape = new DatabaseShape();
        await shape.ReadServerAsync(reader, cancellation);
        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            shape._schemas.Add(reader.GetString(0), new ExistingSchema(reader.GetBoolean(1), reader.GetBoolean(2)));
        }

        await reader.NextResultAsync(cancellation);
        var columns = new Dictionary<(string, string), List<ExistingColumn>>();
        while (await reader.ReadAsync(cancellation))
        {
            var own = columns[Key(reader)] = [];
            shape._tables.Add(Key(reader), new ExistingTable(
                reader.GetString(2)[0],
                reader.GetBoolean(3),
                reader.GetFieldValue<string[]>(4),
                reader.IsDBNull(5) ? null : reader.GetString(5),
                reader.GetFieldValue<string[]>(6),
                own));
        }

        await reader.NextResultAsync(cancellation);
        while (await reader.ReadAsync(cancellation))
        {
            columns[Key(reader)].Add(new ExistingColumn(
                reader.GetString(2), reader.GetString(3), reader.GetBoolean(4), reader.GetBoolean(5), reader.GetBoolean(6), reader.GetBoolean(7)));
        }

        return shape;
    }

    private static (string, string) Key(NpgsqlDataReader reader) => (reader.GetString(0), reader.GetString(1));

    private static NpgsqlParameter Array(string[] values) => new NpgsqlParameter<string[]> { TypedValue = values };

    private async Task ReadServerAsync(NpgsqlDataReader reader, CancellationToken cancellation)
    {
        await reader.ReadAsync(cancellation);
        Version = reader.GetString(0);
        VersionNumber = reader.GetInt32(1);
        Encoding = reader.GetString(2);
        Role = reader.GetString(3);
        Database = reader.GetString(4);
        MayCreateSchemas = reader.GetBoolean(5);
    }
}
