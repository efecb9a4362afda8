using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>
/// One commit: everything the node's tasks did since the last one, in one PostgreSQL transaction, with its outputs in
/// Kafka before that transaction ends. Nothing but this class knows the order.
/// </summary>
/// <remarks>
/// The order, and why:
/// <list type="number">
/// <item>Forwarded records are queued to Kafka: they travel while PostgreSQL works.</item>
/// <item>The transaction opens, fences, and writes rows, deltas and dead letters. A fenced task ends it here.</item>
/// <item>The new totals are queued to their changelog topics. The rows' locks are held until the commit, so that two
/// nodes that add to one row send its totals in the order in which they were made.</item>
/// <item>Kafka acknowledges everything queued. (A Kafka transaction, with the input offsets in it, would be committed here.)</item>
/// <item>PostgreSQL commits. A crash before this point repeats the cycle, so a topic may see its records again; a table
/// cannot.</item>
/// </list>
/// </remarks>
internal sealed class CommitCycle(IStateStore store, IRecordWriter writer, TimeProvider time) : IDisposable
{
    private readonly Dictionary<string, OutputBuffer> _changelogs = new(StringComparer.Ordinal);
    private readonly RowJson _json = new();

    public async Task RunAsync(IReadOnlyList<TaskCommit> tasks, CancellationToken cancellation)
    {
        foreach (var task in tasks)
        {
            foreach (var records in task.Changes.Outputs)
            {
                Send(records, cancellation);
            }
        }

        await using var transaction = await store.WriteAsync(tasks, cancellation);
        SendTotals(transaction.Totals, cancellation);
        await writer.FlushAsync(cancellation);
        await transaction.CommitAsync(cancellation);
    }

    public void Dispose()
    {
        _json.Dispose();
        foreach (var records in _changelogs.Values)
        {
            records.Dispose();
        }
    }

    private void SendTotals(IReadOnlyList<RowBuffer> totals, CancellationToken cancellation)
    {
        var now = time.GetUtcNow().ToUnixTimeMilliseconds();
        foreach (var rows in totals)
        {
            var topic = rows.Table.ChangelogTopic!;
            if (!_changelogs.TryGetValue(topic, out var records))
            {
                _changelogs[topic] = records = new OutputBuffer(topic);
            }

            records.Clear();
            for (var row = 0; row < rows.Count; row++)
            {
                var start = records.Bytes.Length;
                _json.WriteKey(rows, row, records.Bytes);
                var keyLength = records.Bytes.Length - start;
                _json.WriteValue(rows, row, records.Bytes);
                records.Close(start, keyLength, hasKey: true, hasValue: true, now, packedHeaders: default);
            }

            Send(records, cancellation);
        }
    }

    private void Send(OutputBuffer records, CancellationToken cancellation)
    {
        if (records.Count > 0)
        {
            writer.Send(records, cancellation);
        }
    }
}
