using System.Text.Json;
using Npgsql;
using NpgsqlTypes;

namespace Streams.Hosting.Postgres;

/// <summary>What the system table keeps of the topology: its result tables as JSON, for people and tools to read.</summary>
internal static class TopologyRecord
{
    public static NpgsqlParameter Tables(Topology topology)
    {
        using var json = new MemoryStream();
        using (var writer = new Utf8JsonWriter(json))
        {
            writer.WriteStartArray();
            foreach (var table in topology.Tables)
            {
                Write(writer, table);
            }

            writer.WriteEndArray();
        }

        return new NpgsqlParameter<byte[]> { TypedValue = json.ToArray(), NpgsqlDbType = NpgsqlDbType.Jsonb };
    }

    private static void Write(Utf8JsonWriter writer, TableSchema table)
    {
        writer.WriteStartObject();
        writer.WriteString("schema", table.Schema);
        writer.WriteString("name", table.Name);
        writer.WriteString("kind", table.Kind.ToString());
        writer.WriteString("changelog_topic", table.ChangelogTopic);
        writer.WriteStartArray("columns");
        foreach (var column in table.Columns)
        {
            writer.WriteStartObject();
            writer.WriteString("name", column.Name);
            writer.WriteString("type", Sql.TypeOf(column.Type));
            writer.WriteBoolean("nullable", column.Nullable);
            writer.WriteString("merge", column.Merge.ToString());
            writer.WriteEndObject();
        }

        writer.WriteEndArray();
        writer.WriteEndObject();
    }
}
