using System.Globalization;
using Npgsql;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>The statements on tables of states, besides the merge that writes them. Their rows are of one task, so nobody else waits for them.</summary>
internal static class StateSql
{
    /// <summary>
    /// One look into the primary key's index per key, however PostgreSQL judges the table's size: the LIMIT keeps it from joining otherwise.
    /// $1 the topic, $2 the partition, then an array per column of the key itself. Gives the places of the keys that have a state, from 1, and it.
    /// </summary>
    public static string Load(string table, TableSchema schema)
    {
        var own = schema.KeyColumns.Skip(StateLoad.TaskColumns).ToList();
        var (arrays, fields) = Arrays(own, first: StateLoad.TaskColumns);
        var conditions = own.Select((c, i) => string.Create(CultureInfo.InvariantCulture, $" AND t.{Identifiers.Quote(c.Name)} = m.c{i}"));
        return $"SELECT m.place, s.state FROM unnest({arrays}) WITH ORDINALITY AS m ({fields}, place) CROSS JOIN LATERAL ("
            + $"SELECT t.{Identifiers.Quote(schema.Columns[^1].Name)} AS state FROM {table} AS t"
            + $" WHERE t.topic = $1 AND t.partition = $2{string.Concat(conditions)} LIMIT 1) AS s";
    }

    /// <summary>An array per column of the primary key.</summary>
    public static string Delete(string table, TableSchema schema)
    {
        var key = schema.KeyColumns.ToList();
        var (arrays, fields) = Arrays(key, first: 0);
        var conditions = key.Select((c, i) => string.Create(CultureInfo.InvariantCulture, $"t.{Identifiers.Quote(c.Name)} = m.c{i}"));
        return $"DELETE FROM {table} AS t USING unnest({arrays}) AS m ({fields}) WHERE {string.Join(" AND ", conditions)}";
    }

    /// <summary>What reads the states that a batch asks for.</summary>
    public static NpgsqlBatchCommand Command(TableTarget target, TopicPartition partition, StateLoad load)
    {
        var command = new NpgsqlBatchCommand(target.Load)
        {
            Parameters = { new NpgsqlParameter<string> { TypedValue = partition.Topic }, new NpgsqlParameter<int> { TypedValue = partition.Partition } },
        };
        int[] rows = [.. Enumerable.Range(0, load.Keys.Count)];
        foreach (var column in load.Keys.Columns)
        {
            command.Parameters.Add(ArrayParameters.Of(column, rows));
        }

        return command;
    }

    /// <summary>Reads the answer.</summary>
    public static async Task<byte[]?[]> ReadAsync(NpgsqlDataReader reader, int keys, CancellationToken cancellation)
    {
        var states = new byte[]?[keys];
        while (await reader.ReadAsync(cancellation))
        {
            states[reader.GetInt64(0) - 1] = reader.GetFieldValue<byte[]>(1);
        }

        return states;
    }

    private static (string Arrays, string Fields) Arrays(IReadOnlyList<Column> columns, int first) => (
        string.Join(", ", columns.Select((c, i) => string.Create(CultureInfo.InvariantCulture, $"${first + i + 1}::{Sql.TypeOf(c.Type)}[]"))),
        string.Join(", ", columns.Select((_, i) => string.Create(CultureInfo.InvariantCulture, $"c{i}"))));
}
