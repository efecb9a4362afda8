using System.Text;

namespace Streams.Processors.Tests;

public sealed class RowJsonTests
{
    private static readonly DateTime Minute = new(2026, 1, 1, 0, 0, 0, DateTimeKind.Utc);

    private static RowBuffer Rows(params (Column Column, object? Value)[] row)
    {
        var rows = new RowBuffer(new TableSchema("t", TableKind.Aggregate, [.. row.Select(c => c.Column)]), row.Select(c => c.Column));
        for (var i = 0; i < row.Length; i++)
        {
            rows.Columns[i].AppendValue(row[i].Value);
        }

        return rows;
    }

    private static string Value(Column column, object? value)
    {
        using var json = new RowJson();
        using var output = new ByteBuffer();
        json.WriteValue(Rows((column, value)), 0, output);
        return Encoding.UTF8.GetString(output.Written);
    }

    [Fact]
    public void a_key_is_the_key_columns_and_a_value_all_columns()
    {
        using var rows = Rows(
            (new("window_start", ColumnType.Timestamp, Merge: MergeRule.Key), Minute),
            (new("path", ColumnType.Text, Merge: MergeRule.Key), "/cart"),
            (new("status", ColumnType.Integer, Merge: MergeRule.Key), 503),
            (new("n", ColumnType.BigInt, Merge: MergeRule.Add), 17L));
        using var json = new RowJson();
        using var output = new ByteBuffer();
        json.WriteKey(rows, 0, output);
        Assert.Equal("""{"window_start":"2026-01-01T00:00:00Z","path":"/cart","status":503}""", Encoding.UTF8.GetString(output.Written));
        var start = output.Length;
        json.WriteValue(rows, 0, output);
        Assert.Equal("""{"window_start":"2026-01-01T00:00:00Z","path":"/cart","status":503,"n":17}""", Encoding.UTF8.GetString(output.Written[start..]));
    }

    [Theory]
    [InlineData(ColumnType.Text, "a\"b\\c\n<é>&'+/😀", """{"c":"a\"b\\c\n<é>&'+/\uD83D\uDE00"}""")]
    [InlineData(ColumnType.SmallInt, (short)-5, """{"c":-5}""")]
    [InlineData(ColumnType.BigInt, long.MinValue, """{"c":-9223372036854775808}""")]
    [InlineData(ColumnType.Double, 0.1, """{"c":0.1}""")]
    [InlineData(ColumnType.Double, 1e300, """{"c":1E+300}""")]
    [InlineData(ColumnType.Double, double.NaN, """{"c":"NaN"}""")]
    [InlineData(ColumnType.Double, double.PositiveInfinity, """{"c":"Infinity"}""")]
    [InlineData(ColumnType.Double, double.NegativeInfinity, """{"c":"-Infinity"}""")]
    [InlineData(ColumnType.Boolean, true, """{"c":true}""")]
    [InlineData(ColumnType.Bytes, new byte[] { 0, 255, 16 }, """{"c":"AP8Q"}""")]
    [InlineData(ColumnType.Json, """{"a": [1, "x"]}""", """{"c":{"a": [1, "x"]}}""")]
    [InlineData(ColumnType.Text, null, """{"c":null}""")]
    [InlineData(ColumnType.Json, null, """{"c":null}""")]
    public void each_type_has_its_form(ColumnType type, object? value, string json) =>
        Assert.Equal(json, Value(new Column("c", type, Nullable: true), value));

    [Fact]
    public void decimals_and_uuids_keep_every_digit()
    {
        Assert.Equal("""{"c":79228162514264337593543950335}""", Value(new Column("c", ColumnType.Numeric), decimal.MaxValue));
        Assert.Equal("""{"c":1.50}""", Value(new Column("c", ColumnType.Numeric), 1.50m));
        Assert.Equal("""{"c":"6f9619ff-8b86-d011-b42d-00c04fc964ff"}""", Value(new Column("c", ColumnType.Uuid), Guid.Parse("6f9619ff-8b86-d011-b42d-00c04fc964ff")));
    }

    [Theory]
    [InlineData(0, "2026-01-01T00:00:00Z")]
    [InlineData(10, "2026-01-01T00:00:00.000001Z")]
    [InlineData(1_200_000, "2026-01-01T00:00:00.12Z")]
    [InlineData(9, "2026-01-01T00:00:00Z")]
    public void timestamps_have_the_decimals_they_need_up_to_six(long ticks, string text) =>
        Assert.Equal($$"""{"c":"{{text}}"}""", Value(new Column("c", ColumnType.Timestamp), Minute.AddTicks(ticks)));

    [Fact]
    public void names_are_escaped_as_text_is() =>
        Assert.Equal("""{"a\"b é":1}""", Value(new Column("a\"b é", ColumnType.Integer), 1));

    [Fact]
    public void writing_rows_allocates_nothing()
    {
        using var rows = Rows(
            (new("window_start", ColumnType.Timestamp, Merge: MergeRule.Key), Minute.AddTicks(1_230_000)),
            (new("path", ColumnType.Text, Merge: MergeRule.Key), "/cart"),
            (new("n", ColumnType.BigInt, Merge: MergeRule.Add), 17L),
            (new("mean", ColumnType.Double, Merge: MergeRule.Replace), 0.1),
            (new("sum", ColumnType.Numeric, Merge: MergeRule.Add), 12.5m));
        using var json = new RowJson();
        using var output = new ByteBuffer();
        const int Rounds = 10_000;
        Write(1_000);
        var before = GC.GetAllocatedBytesForCurrentThread();
        Write(Rounds);
        Assert.InRange(GC.GetAllocatedBytesForCurrentThread() - before, 0, Rounds / 10);

        void Write(int rounds)
        {
            for (var i = 0; i < rounds; i++)
            {
                output.Truncate(0);
                json.WriteKey(rows, 0, output);
                json.WriteValue(rows, 0, output);
            }
        }
    }
}
