using System.Text;
using Streams.Processors;

namespace Streams.Hosting.Runtime;

/// <summary>Makes the records of changelog topics: a row under its key, and nothing under the key of one that stands no more.</summary>
internal sealed class Changelog(TimeProvider time) : IDisposable
{
    private readonly Dictionary<string, OutputBuffer> _records = new(StringComparer.Ordinal);
    private readonly RowJson _json = new();
    private readonly ByteBuffer _key = new();

    /// <summary>Sends rows.</summary>
    /// <param name="rows">The rows, or the keys of rows that stand no more.</param>
    /// <param name="areGone">Which of the two.</param>
    /// <param name="send">Takes the records, whose bytes are reused afterwards.</param>
    public void Send(RowBuffer rows, bool areGone, Action<OutputBuffer> send)
    {
        var records = Records(rows.Table.ChangelogTopic!);
        var now = Now;
        for (var row = 0; row < rows.Count; row++)
        {
            Add(records, rows, row, areGone, now);
        }

        send(records);
    }

    /// <summary>Says of keys that nothing stands under them, but for those of rows that have just been sent.</summary>
    /// <param name="keys">The keys, of one table.</param>
    /// <param name="sent">The rows, also of other tables.</param>
    /// <param name="send">Takes the records, whose bytes are reused afterwards.</param>
    public void TakeBack(RowBuffer keys, IEnumerable<RowBuffer> sent, Action<OutputBuffer> send)
    {
        var ofTable = sent.Where(rows => (rows.Table.Schema, rows.Table.Name) == (keys.Table.Schema, keys.Table.Name));
        var known = ofTable.SelectMany(rows => Enumerable.Range(0, rows.Count).Select(row => KeyOf(rows, row))).ToHashSet(StringComparer.Ordinal);
        var records = Records(keys.Table.ChangelogTopic!);
        var now = Now;
        for (var row = 0; row < keys.Count; row++)
        {
            if (known.Add(KeyOf(keys, row)))
            {
                Add(records, keys, row, isGone: true, now);
            }
        }

        send(records);
    }

    public void Dispose()
    {
        _json.Dispose();
        _key.Dispose();
        foreach (var records in _records.Values)
        {
            records.Dispose();
        }
    }

    private long Now => time.GetUtcNow().ToUnixTimeMilliseconds();

    private OutputBuffer Records(string topic)
    {
        if (!_records.TryGetValue(topic, out var records))
        {
            _records[topic] = records = new OutputBuffer(topic);
        }

        records.Clear();
        return records;
    }

    private void Add(OutputBuffer records, RowBuffer rows, int row, bool isGone, long now)
    {
        var start = records.Bytes.Length;
        _json.WriteKey(rows, row, records.Bytes);
        var keyLength = records.Bytes.Length - start;
        if (!isGone)
        {
            _json.WriteValue(rows, row, records.Bytes);
        }

        records.Close(start, keyLength, hasKey: true, hasValue: !isGone, now, packedHeaders: default);
    }

    private string KeyOf(RowBuffer rows, int row)
    {
        _key.Truncate(0);
        _json.WriteKey(rows, row, _key);
        return Encoding.UTF8.GetString(_key.Written);
    }
}
