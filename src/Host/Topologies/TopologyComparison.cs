namespace Streams.Hosting.Topologies;

/// <summary>What is declared, compared with what was applied.</summary>
/// <param name="Difference">What differs.</param>
/// <param name="ToStore">The document that describes the stored state once what is declared has been applied.</param>
/// <param name="Applied">The document that describes it now; <c>null</c> where nothing was applied yet.</param>
internal sealed record TopologyComparison(TopologyDifference Difference, TopologyDocument ToStore, TopologyDocument? Applied)
{
    public static TopologyComparison First(TopologyDocument declared) => new(new TopologyDifference(null, []), declared, null);

    public static TopologyComparison Between(TopologyDocument applied, TopologyDocument declared, DateTimeOffset appliedAt, DateTimeOffset now) => new(
        new TopologyDifference(appliedAt, TopologyComparer.Compare(applied, declared)),
        declared.Keeping(applied, now),
        applied);

    /// <summary>What is stored says nothing: whether tables mean what is declared is for a person to know.</summary>
    public static TopologyComparison Unreadable(TopologyDocument declared, DateTimeOffset appliedAt, string reason) => new(
        new TopologyDifference(
            appliedAt,
            [
                TopologyChange.Incompatible(
                    "the record of what was applied", $"cannot be read: {reason}. Run the version of the software that stored it"),
            ]),
        declared,
        null);

    /// <summary>Whether a table that was applied gets a column that it did not have then.</summary>
    public bool AddsColumn(string schema, string table, string column) =>
        Applied?.Table(schema, table) is { } before && before.Columns.All(c => c.Name != column);

    /// <exception cref="TopologyChangedException">Stored state cannot go on with what is declared.</exception>
    public void ThrowIfIncompatible()
    {
        if (!Difference.IsCompatible)
        {
            throw new TopologyChangedException(Difference);
        }
    }
}
