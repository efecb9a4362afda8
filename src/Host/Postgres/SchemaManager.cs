using System.Data;
using Microsoft.Extensions.Logging;
using Npgsql;
using Streams.Hosting.Runtime;
using Streams.Hosting.Topologies;

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
    private readonly PostgresOptions _options;
    private readonly ILogger _logger;
    private readonly IReadOnlyList<TableDefinition> _systemTables;
    private readonly IReadOnlyList<TableDefinition> _tables;
    private readonly TopologyRecord _record;

    public SchemaManager(string application, Topology topology, PostgresOptions options, ILogger logger)
    {
        if (Identifiers.Problem(application) is { } problem)
        {
            throw new ArgumentException($"The application id '{application}' names its PostgreSQL schema, but {problem}.", nameof(application));
        }

        _application = application;
        _options = options;
        _logger = logger;
        _systemTables = SystemTables.Of(application, hasSessions: topology.Tables.Any(t => t.Sessions is not null));
        _tables = [.. _systemTables, .. topology.Tables.Select(t => TableDefinition.Of(t, application))];
        if (_tables.GroupBy(t => t.QuotedName).FirstOrDefault(g => g.Count() > 1) is { } same)
        {
            throw new ArgumentException(
                $"The table {same.Key} would be two tables at once: one of the topology, and another of it or of the system's own ({string.Join(", ", _systemTables.Select(t => t.Name))}). Name the topology's table differently.",
                nameof(topology));
        }

        _record = new TopologyRecord(application, topology);
    }

    /// <exception cref="TopologyChangedException">What is stored cannot go on with this topology; the message has the difference and the ways on.</exception>
    /// <exception cref="SchemaMismatchException">A table differs; the message has the statements that would mend it.</exception>
    /// <exception cref="MissingRightsException">The role may not do what is needed; the message has the statements that would allow it.</exception>
    public async Task PrepareAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await BeginAsync(connection, isLocked: true, cancellation);
        var shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        CheckServer(shape);
        var topology = await _record.CompareAsync(connection, transaction, shape, cancellation);
        topology.ThrowIfIncompatible();
        var missing = Missing(shape, topology);
        var isCreated = await CreateAsync(connection, transaction, shape, missing, cancellation);
        if (isCreated)
        {
            shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        }

        CheckTables(shape, _tables);
        CheckRights(shape);
        await _record.WriteAsync(connection, transaction, topology.ToStore, cancellation);
        await transaction.CommitAsync(cancellation);
        if (isCreated)
        {
            PostgresLog.Created(_logger, missing.ToString());
        }

        foreach (var change in topology.Difference.Changes)
        {
            PostgresLog.TopologyChanged(_logger, change);
        }

        PostgresLog.Prepared(_logger, shape.Version, _application, _tables.Count);
    }

    /// <summary>Looks at everything as <see cref="PrepareAsync"/> would, and changes nothing.</summary>
    public async Task<SchemaReport> InspectAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await BeginAsync(connection, isLocked: false, cancellation);
        var shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        var topology = await _record.CompareAsync(connection, transaction, shape, cancellation);
        var missing = Missing(shape, topology);
        return new(
            shape.Version,
            shape.Database,
            shape.Role,
            _tables.Count,
            [.. missing.Tables.Select(t => t.QuotedName), .. missing.Columns.Select(c => $"column {Identifiers.Quote(c.Column.Name)} of {c.Table.QuotedName}")],
            topology.Difference,
            ProblemOf(() =>
            {
                CheckServer(shape);
                CheckTables(shape, _tables.Select(missing.Without));
            }),
            ProblemOf(() =>
            {
                missing.CheckMayCreate(shape);
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

    /// <summary>Compares the topology with the one that was applied, and changes nothing.</summary>
    public async Task<TopologyDifference> CompareAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await BeginAsync(connection, isLocked: false, cancellation);
        var shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        return (await _record.CompareAsync(connection, transaction, shape, cancellation)).Difference;
    }

    /// <summary>Stores the topology as the one that was applied, and touches nothing else.</summary>
    /// <returns>What was accepted.</returns>
    /// <exception cref="SchemaMismatchException">There is nothing to accept yet.</exception>
    /// <exception cref="MissingRightsException">The role may not write there.</exception>
    public async Task<TopologyDifference> AcceptAsync(NpgsqlConnection connection, CancellationToken cancellation)
    {
        await using var transaction = await BeginAsync(connection, isLocked: true, cancellation);
        var shape = await DatabaseShape.ReadAsync(connection, transaction, _tables, cancellation);
        var table = _systemTables.Single(t => t.Name == SystemTables.Topology);
        if (shape.Table(table) is null)
        {
            throw new SchemaMismatchException($"There is nothing to accept: the table {table} does not exist yet. The first node that starts applies its topology.");
        }

        CheckTables(shape, [table]);
        CheckRights(shape, [table]);
        var topology = await _record.CompareAsync(connection, transaction, shape, cancellation);
        await _record.WriteAsync(connection, transaction, topology.ToStore, cancellation);
        await transaction.CommitAsync(cancellation);
        return topology.Difference;
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

    /// <summary>Begins with the limits. The locks are taken in a fixed order: another application may share a schema with this one.</summary>
    private async Task<NpgsqlTransaction> BeginAsync(NpgsqlConnection connection, bool isLocked, CancellationToken cancellation)
    {
        var transaction = await connection.BeginTransactionAsync(IsolationLevel.ReadCommitted, cancellation);
        await using var batch = new NpgsqlBatch(connection, transaction);
        batch.BatchCommands.Add(Limits.Command(_options));
        var schemas = isLocked ? _tables.Select(t => t.Schema).Distinct().Order(StringComparer.Ordinal) : Enumerable.Empty<string>();
        foreach (var schema in schemas)
        {
            batch.BatchCommands.Add(new(SchemaSql.Lock) { Parameters = { new NpgsqlParameter<string> { TypedValue = schema } } });
        }

        await batch.ExecuteNonQueryAsync(cancellation);
        return transaction;
    }

    private static async Task<bool> CreateAsync(
        NpgsqlConnection connection, NpgsqlTransaction transaction, DatabaseShape shape, MissingObjects missing, CancellationToken cancellation)
    {
        var statements = missing.Statements;
        if (statements.Count == 0)
        {
            return false;
        }

        missing.CheckMayCreate(shape);
        await using var batch = new NpgsqlBatch(connection, transaction);
        foreach (var statement in statements)
        {
            batch.BatchCommands.Add(new(statement));
        }

        await batch.ExecuteNonQueryAsync(cancellation);
        return true;
    }

    private MissingObjects Missing(DatabaseShape shape, TopologyComparison topology) =>
        MissingObjects.Of(shape, _tables, (table, column) => _systemTables.Contains(table) || topology.AddsColumn(table.Schema, table.Name, column.Name));

    /// <summary>Those tables that exist.</summary>
    private static void CheckTables(DatabaseShape shape, IEnumerable<TableDefinition> tables)
    {
        var differences = tables
            .SelectMany(table => shape.Table(table) is { } existing ? SchemaComparer.Compare(table, existing) : [])
            .ToList();
        if (differences.Count > 0)
        {
            throw new SchemaMismatchException(SchemaComparer.Describe(differences));
        }
    }

    /// <summary>To those schemas and tables that exist.</summary>
    private void CheckRights(DatabaseShape shape) => CheckRights(shape, _tables);

    private static void CheckRights(DatabaseShape shape, IReadOnlyList<TableDefinition> tables)
    {
        var grants = new List<string>();
        foreach (var schema in tables.Select(t => t.Schema).Distinct().Where(s => shape.Schema(s) is { MayUse: false }))
        {
            grants.Add(SchemaSql.Grant(["USAGE"], $"SCHEMA {Identifiers.Quote(schema)}", shape.Role));
        }

        foreach (var table in tables)
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
}
