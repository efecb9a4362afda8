using Npgsql;
using NpgsqlTypes;
using Streams.Processors;

namespace Streams.Hosting.Postgres;

/// <summary>The locks that a merge of sessions takes first: those of its rows' groups.</summary>
internal static class SessionLocks
{
    public static NpgsqlBatchCommand Command(TableTarget target, RowBuffer rows) => new(target.Lock)
    {
        Parameters = { new NpgsqlParameter<string> { TypedValue = target.QuotedName }, ArrayParameters.Of(Slots(rows), NpgsqlDbType.Integer) },
    };

    /// <summary>
    /// One number per group, each once, in the order in which all nodes take them. All nodes must give a group the same one, those of
    /// other versions as well: it is made of the group as the changelog's keys write it.
    /// </summary>
    internal static int[] Slots(RowBuffer rows)
    {
        using var json = new RowJson();
        using var group = new ByteBuffer();
        var slots = new SortedSet<int>();
        for (var row = 0; row < rows.Count; row++)
        {
            group.Truncate(0);
            json.WriteGroup(rows, row, group);
            slots.Add((int)(Hash(group.Written) % SessionSql.Slots));
        }

        return [.. slots];
    }

    /// <summary>FNV-1a (http://www.isthe.com/chongo/tech/comp/fnv), folded: its high bits are the better ones.</summary>
    private static uint Hash(ReadOnlySpan<byte> bytes)
    {
        var hash = 2166136261;
        foreach (var b in bytes)
        {
            hash = (hash ^ b) * 16777619;
        }

        return hash ^ (hash >> 16);
    }
}
