using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using Streams.Hosting.Runtime;

namespace Streams.Hosting.Postgres;

/// <summary>
/// Creates what is missing and checks what is there, in one transaction and under advisory locks, so that nodes that start at
/// once do it one after the other. It looks first and creates only what is missing: a role without the right to
/// create anything is enough where everything exists.
/// </summary>
internal sealed class SchemaManager
{
    /// <summary>Generated columns came with PostgreSQL 12.</summary>
    private const int OldestVersion = 120_000;

    private readonly string _application;
    private readonly Topology _topology;
    private readonly PostgresOptions _options;
    private readonly ILogger _logger;
    private readonly IReadOnlyList<TableDefinition> _tables;

    public SchemaManager(string application, Topology topology, PostgresOptions options, ILogger logger)
    {
        if (Identifiers.Problem(application) is { } problem)
        {
            throw new ArgumentException($"The application id '{application}' names its PostgreSQL schema, but {problem}.", nameof(application));
        }

        _application = application;
        _topology = topology;
        _options = options;
        _logger = logger;
        _tables = [.. SystemTables.Of(application), .. topology.Tables.Select(t => TableDefinition.Of(t, application))];
        if (_tables.GroupBy(t => t.QuotedName).FirstOrDefault(g => g.Count() > 1) is { } same)
        {
            throw new ArgumentException(
                $"The table {same.Key} would be two tables at once: one of the topology, and another of it or of the system's own ({string.Join(", ", SystemTables.Of(application).Select(t => t.Name))}). Name the topology's table differently.",
                nameof(topology));
        }
    }

    /// <exception cref="SchemaMismatchException">A table differs; the message has the statements that would mend it.</exception>
    /// <exception cref="MissingRightsException">The role may not do what is needed; the message has the statements that would allow it.</exception>
    public async Task PrepareAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellation);
        await LockAsync(connection, transaction, cancellation);
        var shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        CheckServer(shape);
        if (await CreateMissingAsync(connection, transaction, shape, cancellation))
        {
            shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        }

        CheckTables(shape);
        CheckRights(shape);
        await RecordTopologyAsync(connection, transaction, cancellation);
        await transaction.CommitAsync(cancellation);
        PostgresLog.Prepared(_logger, shape.Version, _application, _tables.Count);
    }

    /// <summary>Looks at everything as <see cref="PrepareAsync"/> would, and changes nothing.</summary>
    public async Task<SchemaReport> InspectAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellation);
        var shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        return new(
            shape.Version,
            shape.Database,
            shape.Role,
            _tables.Count,
            [.. _tables.Where(t => shape.Table(t) is null).Select(t => t.QuotedName)],
            ProblemOf(() =>
            {
                CheckServer(shape);
                CheckTables(shape);
            }),
            ProblemOf(() =>
            {
                var (schemas, tables) = Missing(shape);
                CheckMayCreate(shape, schemas, tables);
                CheckRights(shape);
            }));

        static string? ProblemOf(Action check)
        {
            try
            {
                check();
                return null;
            }
            catch (Exception e) when (e is SchemaMismatchException or MissingRightsException)
            {
                return e.Message;
            }
        }
    }

    private static void CheckServer(DatabaseShape shape)
    {
        if (shape.VersionNumber < OldestVersion)
        {
            throw new SchemaMismatchException($"PostgreSQL {shape.Version} is too old; version 12 or later is needed.");
        }

        if (shape.Encoding != "UTF8")
        {
            throw new SchemaMismatchException(
                $"The database {Identifiers.Quote(shape.Database)} has the encoding {shape.Encoding}, which cannot hold every text. Use one made with: CREATE DATABASE name ENCODING 'UTF8' TEMPLATE template0;");
        }
    }

    /// <summary>In a fixed order: another application may share a schema with this one.</summary>
    private async Task LockAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(Limits.Command(_options));
        foreach (var schema in _tables.Select(t => t.Schema).Distinct().Order(StringComparer.Ordinal))
        {
            batch.BatchCommands.Add(new(SchemaSql.Lock) { Parameters = { new NpgsqlParameter<string> { TypedValue = schema } } });
        }

        await batch.ExecuteNonQueryAsync(cancellation);
    }

    private async Task<bool> CreateMissingAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, DatabaseShape shape, CancellationToken cancellation)
    {
        var (schemas, tables) = Missing(shape);
        var statements = Statements(schemas, tables);
        if (statements.Length == 0)
        {
            return false;
        }

        CheckMayCreate(shape, schemas, tables);
        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var statement in statements)
        {
            batch.BatchCommands.Add(new(statement));
        }

        await batch.ExecuteNonQueryAsync(cancellation);
        PostgresLog.Created(_logger, string.Join(", ", schemas.Select(s => $"schema {Identifiers.Quote(s)}").Concat(tables.Select(t => $"table {t}"))));
        return true;
    }

    private (List<string> Schemas, List<TableDefinition> Tables) Missing(DatabaseShape shape) => (
        _tables.Select(t => t.Schema).Distinct().Where(s => shape.Schema(s) is null).ToList(),
        _tables.Where(t => shape.Table(t) is null).ToList());

    private static string[] Statements(List<string> schemas, List<TableDefinition> tables) =>
        [.. schemas.Select(SchemaSql.CreateSchema), .. tables.Select(SchemaSql.CreateTable)];

    private static void CheckMayCreate(DatabaseShape shape, List<string> schemas, List<TableDefinition> tables)
    {
        var grants = new List<string>();
        if (schemas.Count > 0 && !shape.MayCreateSchemas)
        {
            grants.Add(SchemaSql.Grant(["CREATE"], $"DATABASE {Identifiers.Quote(shape.Database)}", shape.Role));
        }

        foreach (var schema in tables.Select(t => t.Schema).Distinct())
        {
            if (shape.Schema(schema) is { } existing && !(existing.MayUse && existing.MayCreate))
            {
                grants.Add(SchemaSql.Grant(["USAGE", "CREATE"], $"SCHEMA {Identifiers.Quote(schema)}", shape.Role));
            }
        }

        if (grants.Count > 0)
        {
            throw new MissingRightsException(
                $"In the database {Identifiers.Quote(shape.Database)} the role {Identifiers.Quote(shape.Role)} may not create what is missing. Either allow it:\n"
                + $"{string.Join('\n', grants)}\n"
                + "or let an administrator create it, and grant the rights with docs/postgres-role.sql:\n"
                + string.Join('\n', Statements(schemas, tables).Select(s => $"{s};")));
        }
    }

    /// <summary>Those tables that exist.</summary>
    private void CheckTables(DatabaseShape shape)
    {
        var differences = _tables
            .SelectMany(table => shape.Table(table) is { } existing ? SchemaComparer.Compare(table, existing) : [])
            .ToList();
        if (differences.Count > 0)
        {
            throw new SchemaMismatchException(SchemaComparer.Describe(differences));
        }
    }

    /// <summary>To those schemas and tables that exist.</summary>
    private void CheckRights(DatabaseShape shape)
    {
        var grants = new List<string>();
        foreach (var schema in _tables.Select(t => t.Schema).Distinct().Where(s => shape.Schema(s) is { MayUse: false }))
        {
            grants.Add(SchemaSql.Grant(["USAGE"], $"SCHEMA {Identifiers.Quote(schema)}", shape.Role));
        }

        foreach (var table in _tables)
        {
            var missing = shape.Table(table) is { } existing ? table.Rights.Except(existing.Rights).ToList() : [];
            if (missing.Count > 0)
            {
                grants.Add(SchemaSql.Grant(missing, table.QuotedName, shape.Role));
            }
        }

        if (grants.Count > 0)
        {
            throw new MissingRightsException(
                $"In the database {Identifiers.Quote(shape.Database)} the role {Identifiers.Quote(shape.Role)} lacks rights. These statements, run by the owner of the tables, grant them:\n{string.Join('\n', grants)}");
        }
    }

    private async Task RecordTopologyAsync(NpgsqlConnection connection, NpgsqlTransaction transaction, CancellationToken cancellation)
    {
        await using var command = new NpgsqlCommand(new Sql(_application).RecordTopology, connection, transaction)
        {
            Parameters =
            {
                new NpgsqlParameter<string> { TypedValue = PostgresTexts.Clean(_topology.Describe()) },
                TopologyRecord.Tables(_topology),
            },
        };
        await command.ExecuteNonQueryAsync(cancellation);
    }
}
