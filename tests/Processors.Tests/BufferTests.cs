using System.Text;

namespace Streams.Processors.Tests;

/// <summary>Buffers against lists: whatever is appended, truncated, accepted and discarded, both hold the same.</summary>
public sealed class BufferTests
{
    private static byte[] RandomBytes(Random random, int max)
    {
        var bytes = new byte[random.Next(max)];
        random.NextBytes(bytes);
        return bytes;
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void a_byte_buffer_holds_what_a_list_would(int seed)
    {
        var random = new Random(seed);
        var expected = new List<byte>();
        using var buffer = new ByteBuffer();
        for (var i = 0; i < 200; i++)
        {
            var bytes = RandomBytes(random, random.Next(10) == 0 ? 20_000 : 50);
            switch (random.Next(4))
            {
                case 0:
                    buffer.Append(bytes);
                    expected.AddRange(bytes);
                    break;
                case 1:
                    bytes.CopyTo(buffer.GetSpan(bytes.Length));
                    buffer.Advance(bytes.Length);
                    expected.AddRange(bytes);
                    break;
                case 2:
                    bytes.CopyTo(buffer.GetMemory(bytes.Length));
                    buffer.Advance(bytes.Length);
                    expected.AddRange(bytes);
                    break;
                default:
                    var length = random.Next(expected.Count + 1);
                    buffer.Truncate(length);
                    expected.RemoveRange(length, expected.Count - length);
                    break;
            }

            Assert.True(buffer.Written.SequenceEqual(expected.ToArray()));
        }
    }

    [Fact]
    public void a_byte_buffer_refuses_to_advance_past_what_it_gave()
    {
        using var buffer = new ByteBuffer();
        var given = buffer.GetSpan(10).Length;
        buffer.Advance(given);
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Advance(1));
        Assert.Throws<ArgumentOutOfRangeException>(() => buffer.Advance(-1));
        Assert.NotEqual(0, buffer.GetSpan().Length);
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void an_output_buffer_keeps_what_was_accepted_and_only_that(int seed)
    {
        var random = new Random(seed);
        var accepted = new List<string>();
        var pending = new List<string>();
        using var headers = new HeaderList();
        using var buffer = new OutputBuffer("out");
        for (var i = 0; i < 300; i++)
        {
            switch (random.Next(8))
            {
                case 0:
                    buffer.Discard();
                    pending.Clear();
                    break;
                case 1:
                    buffer.Accept();
                    accepted.AddRange(pending);
                    pending.Clear();
                    break;
                case 2 when random.Next(10) == 0:
                    buffer.Clear();
                    accepted.Clear();
                    pending.Clear();
                    break;
                default:
                    byte[]? key = random.Next(4) == 0 ? null : RandomBytes(random, 20);
                    byte[]? value = random.Next(4) == 0 ? null : RandomBytes(random, 200);
                    headers.Clear();
                    for (var h = random.Next(3); h > 0; h--)
                    {
                        headers.Add(Encoding.UTF8.GetBytes($"h{random.Next(9)}"), RandomBytes(random, 9), random.Next(3) > 0);
                    }

                    var time = random.NextInt64();
                    buffer.Add(key, key is not null, value, value is not null, time, headers.Packed);
                    pending.Add($"{Hex(key)} {Hex(value)} {time} {Headers(headers.Packed)}");
                    break;
            }

            Assert.Equal(accepted.Concat(pending), Enumerable.Range(0, buffer.Count).Select(r => Describe(buffer, r)));
        }

        static string Describe(OutputBuffer buffer, int r) =>
            $"{(buffer.HasKey(r) ? Convert.ToHexString(buffer.Key(r)) : "null")} {(buffer.HasValue(r) ? Convert.ToHexString(buffer.Value(r)) : "null")} {buffer.TimestampMs(r)} {Headers(buffer.Headers(r))}";
        static string Hex(byte[]? bytes) => bytes is null ? "null" : Convert.ToHexString(bytes);
        static string Headers(ReadOnlySpan<byte> packed) => string.Join(",", HeaderList.Unpack(packed).Select(h => $"{h.Key}:{Hex(h.Value)}"));
    }

    private static readonly Column[] Columns =
    [
        new("text", ColumnType.Text, Nullable: true), new("number", ColumnType.BigInt, Nullable: true), new("raw", ColumnType.Bytes, Nullable: true), new("json", ColumnType.Json, Nullable: true),
    ];

    private static object?[] RandomRow(Random random) =>
    [
        random.Next(4) == 0 ? null : new string('x', random.Next(30)),
        random.Next(4) == 0 ? null : random.NextInt64(),
        random.Next(4) == 0 ? null : RandomBytes(random, 30),
        random.Next(4) == 0 ? null : $"[{random.Next(1_000)}]",
    ];

    private static object?[] Row(RowBuffer rows, int row) => [.. rows.Columns.Select(c => c.ValueAt(row))];

    private static void Append(RowBuffer rows, object?[] row)
    {
        for (var i = 0; i < row.Length; i++)
        {
            rows.Columns[i].AppendValue(row[i]);
        }
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void a_row_buffer_keeps_what_was_accepted_and_its_size_with_it(int seed)
    {
        var random = new Random(seed);
        var table = new TableSchema("t", TableKind.Append, Columns);
        var rows = new RowBuffer(table);
        var all = new List<object?[]>();
        var accepted = 0;
        for (var i = 0; i < 300; i++)
        {
            switch (random.Next(8))
            {
                case 0:
                    rows.Discard();
                    all.RemoveRange(accepted, all.Count - accepted);
                    break;
                case 1:
                    rows.Accept();
                    accepted = all.Count;
                    break;
                case 2 when random.Next(10) == 0:
                    rows.Clear();
                    all.Clear();
                    accepted = 0;
                    break;
                case 3:
                    // A row of which a later column refused its value.
                    var count = rows.Count;
                    rows.Columns[0].AppendValue("half a row");
                    rows.Columns[2].AppendValue(new byte[] { 1 });
                    rows.TruncateTo(count);
                    break;
                default:
                    var row = RandomRow(random);
                    Append(rows, row);
                    all.Add(row);
                    break;
            }

            Assert.Equal(all, Enumerable.Range(0, rows.Count).Select(r => Row(rows, r)));
        }

        using var again = new RowBuffer(table);
        again.AppendAll(rows);
        Assert.Equal(all, Enumerable.Range(0, again.Count).Select(r => Row(again, r)));
        Assert.Equal(again.SizeBytes, rows.SizeBytes);
        rows.Dispose();
    }

    [Theory]
    [MemberData(nameof(Seeds.Few), MemberType = typeof(Seeds))]
    public void rows_are_written_in_key_order_and_the_last_of_each_key(int seed)
    {
        var random = new Random(seed);
        var table = new TableSchema("t", TableKind.Upsert, [new("a", ColumnType.Text, Merge: MergeRule.Key), new("b", ColumnType.Integer, Merge: MergeRule.Key), new("v", ColumnType.Integer)]);
        using var rows = new RowBuffer(table);
        var expected = new SortedDictionary<(string, int), int>(Comparer<(string A, int B)>.Create((l, r) =>
            string.CompareOrdinal(l.A, r.A) is var byText and not 0 ? byText : l.B.CompareTo(r.B)));
        for (var i = 0; i < 200; i++)
        {
            var key = ($"{(char)random.Next('A', 'd')}", random.Next(-3, 3));
            Append(rows, [key.Item1, key.Item2, i]);
            expected[key] = i;
        }

        Assert.Equal(expected.Values, rows.SortedByKey().Select(r => (int)rows.Columns[2].ValueAt(r)!));
        Assert.Equal(rows.SortedByKey(), rows.SortedByKey());
    }

    [Fact]
    public void a_column_refuses_what_its_type_cannot_hold_and_stays_as_it_was()
    {
        using var required = ColumnBuffer.For(new Column("c", ColumnType.Text));
        Assert.Equal("Column c may not be null, and the value is.", Assert.Throws<RecordRejectedException>(required.AppendNull).Message);
        Assert.Throws<RecordRejectedException>(() => required.AppendValue("\0"));
        using var json = ColumnBuffer.For(new Column("c", ColumnType.Json));
        Assert.Throws<RecordRejectedException>(() => json.AppendValue("{"));
        Assert.Equal(0, required.Count + json.Count);
    }

    [Fact]
    public void headers_survive_packing()
    {
        using var headers = new HeaderList();
        headers.Add("a"u8, "1"u8);
        headers.Add("é"u8, [], hasValue: false);
        headers.Add(""u8, []);
        Assert.Equal(3, headers.Count);
        Assert.Equal([("a", "1"), ("é", null), ("", "")], HeaderList.Unpack(headers.Packed).Select(h => (h.Key, h.Value is null ? null : Encoding.UTF8.GetString(h.Value))));
        headers.Clear();
        Assert.Empty(HeaderList.Unpack(headers.Packed));
    }
}
