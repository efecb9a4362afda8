using System.Text.Json;
using System.Text.Json.Serialization;

namespace Streams.Hosting.Topologies;

/// <summary>
/// The document as JSON. Members that this software does not know are passed over; what would change the meaning of those it knows
/// raises <see cref="TopologyDocument.CurrentVersion"/>.
/// </summary>
internal static class TopologyJson
{
    private static readonly JsonSerializerOptions _options = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DefaultIgnoreCondition = JsonIgnoreCondition.WhenWritingNull,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
        Converters = { new JsonStringEnumConverter() },
    };

    public static byte[] Write(TopologyDocument document) => JsonSerializer.SerializeToUtf8Bytes(document, _options);

    /// <param name="json">What is stored: a document, or the bare array of tables that version 0 was.</param>
    /// <param name="application">The application's id: in version 0, tables in its own schema did not name it.</param>
    /// <exception cref="UnreadableTopologyException">It is of a later version, or no such document.</exception>
    public static TopologyDocument Read(string json, string application)
    {
        try
        {
            using var parsed = JsonDocument.Parse(json);
            if (parsed.RootElement.ValueKind == JsonValueKind.Array)
            {
                var tables = parsed.RootElement.Deserialize<TableOfVersion0[]>(_options)!;
                return new TopologyDocument(null, [.. tables.Select(t => t.Upgrade(application))], null);
            }

            var version = parsed.RootElement.GetProperty("version").GetInt32();
            return version > TopologyDocument.CurrentVersion
                ? throw new UnreadableTopologyException($"it has version {version}, and this software knows versions up to {TopologyDocument.CurrentVersion}")
                : parsed.RootElement.Deserialize<TopologyDocument>(_options)!;
        }
        catch (Exception e) when (e is JsonException or KeyNotFoundException or InvalidOperationException or FormatException)
        {
            throw new UnreadableTopologyException(e.Message);
        }
    }

    private sealed record TableOfVersion0(string? Schema, string Name, TableKind Kind, IReadOnlyList<ColumnDocument> Columns, string? ChangelogTopic)
    {
        public TableDocument Upgrade(string application) =>
            new(Schema ?? application, Name, Kind, [.. Columns.Select(Upgrade)]) { ChangelogTopic = ChangelogTopic };

        /// <summary>Averages, whose parts follow from the name, were the only quotients.</summary>
        private static ColumnDocument Upgrade(ColumnDocument column) => column.Merge == MergeRule.Quotient
            ? column with { Dividend = $"{column.Name}_sum", Divisor = $"{column.Name}_count" }
            : column;
    }
}

/// <summary>What is stored is no document that this software knows. The message says why.</summary>
internal sealed class UnreadableTopologyException(string reason) : Exception(reason);
