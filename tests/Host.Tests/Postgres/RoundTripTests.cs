using System.Globalization;
using Streams.Hosting.Postgres;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

/// <summary>Values of every column type, at their edges, by both ways into a table; read back as PostgreSQL writes them.</summary>
public sealed class RoundTripTests(TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Value(string? Text, short? Small, int? Whole, long? Big, double? Real, decimal? Exact, bool? Yes, DateTime? At, Guid? Id, byte[]? Raw);

    private static readonly Value?[] Values =
    [
        new(null, null, null, null, null, null, null, null, null, null),
        new("", 0, 0, 0, 0, 0, false, DateTime.UnixEpoch, Guid.Empty, []),
        new("a\tb\n\"c\\ü表😀", short.MinValue, int.MinValue, long.MinValue, double.MinValue, decimal.MinValue, true, DateTime.MinValue, new Guid("00112233-4455-6677-8899-aabbccddeeff"), [0, 1, 255]),
        new("\\N", short.MaxValue, int.MaxValue, long.MaxValue, double.Epsilon, decimal.MaxValue, null, DateTime.MaxValue, null, null),
        new(new string('x', 300_000), 1, -1, 1, double.NaN, 0.0000000000000000000000000001m, true, new DateTime(1999, 12, 31, 23, 59, 59, 999, 999, DateTimeKind.Utc), null, new byte[300_000]),
        new("e", 1, 1, 1, double.NegativeInfinity, -1234567890.0987654321m, true, new DateTime(2026, 7, 31, 1, 2, 3, DateTimeKind.Utc), null, null),
        new("f", 1, 1, 1, double.PositiveInfinity, 1.50m, true, null, null, null),
        new("g", 1, 1, 1, -0.0, 10000m, true, null, null, null),
        new("h", 1, 1, 1, 0.1, 12345678.00009m, true, null, null, null),
    ];

    private static readonly string[] Expected =
    [
        "0||||||||||",
        "1||0|0|0|0|0|f|1970-01-01 00:00:00+00|00000000-0000-0000-0000-000000000000|",
        "2|a\tb\n\"c\\ü表😀|-32768|-2147483648|-9223372036854775808|-1.7976931348623157e+308|-79228162514264337593543950335|t|0001-01-01 00:00:00+00|00112233-4455-6677-8899-aabbccddeeff|0001ff",
        "3|\\N|32767|2147483647|9223372036854775807|5e-324|79228162514264337593543950335||9999-12-31 23:59:59.999999+00||",
        $"4|{new string('x', 300_000)}|1|-1|1|NaN|0.0000000000000000000000000001|t|1999-12-31 23:59:59.999999+00||{new string('0', 600_000)}",
        "5|e|1|1|1|-Infinity|-1234567890.0987654321|t|2026-07-31 01:02:03+00||",
        "6|f|1|1|1|Infinity|1.50|t|||",
        "7|g|1|1|1|-0|10000|t|||",
        "8|h|1|1|1|0.1|12345678.00009|t|||",
    ];

    /// <summary>Records whose value is the index of one of the values above.</summary>
    private static Topology Topology()
    {
        var builder = new StreamBuilder();
        var values = builder.Stream("clickstream", Codecs.Utf8, Codecs.Utf8).MapValues(text => Values[int.Parse(text, CultureInfo.InvariantCulture)]!);
        values.ToTable("appended");
        values.ToTable("upserted", table => table
            .KeyOf("time", r => r.Time)
            .Column("text", v => v.Text).Column("small", v => v.Small).Column("whole", v => v.Whole).Column("big", v => v.Big).Column("real", v => v.Real)
            .Column("exact", v => v.Exact).Column("yes", v => v.Yes).Column("at", v => v.At).Column("id", v => v.Id).Column("raw", v => v.Raw));
        return builder.Build();
    }

    private static async Task<StoreHarness> WriteAllAsync(TestPostgres postgres, PostgresOptions? options = null)
    {
        var topology = Topology();
        var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, [.. Enumerable.Range(0, Values.Length).Select(i => i.ToString(CultureInfo.InvariantCulture))]);
        var store = options is null ? harness.Store : harness.Open(options);
        await using var transaction = await store.WriteAsync([worker.Take()], Cancel);
        await transaction.CommitAsync(Cancel);
        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.dead_letters"));
        return harness;
    }

    private static Task<string[]> TextsAsync(StoreHarness harness, string table) => harness.ScalarAsync<string[]>(
        $"""
        SELECT array_agg(concat_ws('|', row - 1, coalesce(text, ''), coalesce(small::text, ''), coalesce(whole::text, ''), coalesce(big::text, ''), coalesce(real::text, ''),
            coalesce(exact::text, ''), coalesce(yes::text, ''), coalesce(at::text, ''), coalesce(id::text, ''), coalesce(encode(raw, 'hex'), '')) ORDER BY row)
        FROM (SELECT *, row_number() OVER (ORDER BY time) AS row FROM clickstream.{table}) AS t
        """);

    [Theory]
    [InlineData("appended")]
    [InlineData("upserted")]
    public async Task every_type_of_column_keeps_its_values(string table)
    {
        await using var harness = await WriteAllAsync(postgres);
        Assert.Equal(Expected, (await TextsAsync(harness, table)).Select(t => t.Replace("|true|", "|t|", StringComparison.Ordinal).Replace("|false|", "|f|", StringComparison.Ordinal)));
        Assert.Equal(
            ["(0,t,t,t)", "(1,f,f,f)"],
            await harness.RowsAsync($"SELECT row_number() OVER (ORDER BY time) - 1 AS row, text IS NULL AS a, raw IS NULL AS b, at IS NULL AS c FROM clickstream.{table} ORDER BY 1 LIMIT 2"));
    }

    [Fact]
    public async Task values_are_the_same_without_prepared_statements()
    {
        await using var harness = await WriteAllAsync(postgres, new PostgresOptions { PrepareStatements = false });
        Assert.Equal(await TextsAsync(harness, "appended"), await TextsAsync(harness, "upserted"));
    }

    [Fact]
    public async Task json_is_kept_as_jsonb_and_a_null_record_as_null()
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Nullable(Codecs.Utf8))
            .ToTable("documents", table => table.Column("length", v => v is null ? 0 : v.Length).WithRawValue("document"));
        builder.Stream("keyed", Codecs.Utf8, Codecs.Nullable(Codecs.Utf8))
            .ToTable("keyed", table => table.KeyOf("time", r => r.Time).Column("length", v => v is null ? 0 : v.Length).WithRawValue("document"));
        var topology = builder.Build();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        Worker[] workers = [new(topology), new(topology, topic: "keyed")];
        await harness.AcquireAsync(workers);
        string?[] documents = ["""{"b": [1, 2.50, null], "a": "\u00e4😀"}""", null, "null", " 1e2 ", $"\"{new string('y', 200_000)}\""];
        foreach (var worker in workers)
        {
            worker.Feed(Clicks.Start, documents);
        }

        await harness.CommitAsync(workers);
        string[] expected = ["""{"a": "ä😀", "b": [1, 2.50, null]}""", "(null)", "null", "100", $"\"{new string('y', 200_000)}\""];
        foreach (var table in new[] { "documents", "keyed" })
        {
            Assert.Equal(expected, await harness.ScalarAsync<string[]>($"SELECT array_agg(coalesce(document::text, '(null)') ORDER BY time) FROM clickstream.{table}"));
        }

        Array.ForEach(workers, w => w.Dispose());
    }

    [Fact]
    public async Task a_row_larger_than_a_chunk_goes_through_whole()
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Utf8).ToTable("texts");
        var topology = builder.Build();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        int[] lengths = [1, CopyBuffer.ChunkBytes - 100, CopyBuffer.ChunkBytes, CopyBuffer.ChunkBytes + 1, 1_000_000, 3, .. Enumerable.Repeat(1_000, 1_000)];
        worker.Feed(Clicks.Start, [.. lengths.Select((n, i) => string.Concat(Enumerable.Repeat((char)('a' + (i % 26)), n)))]);
        await harness.CommitAsync(worker);
        Assert.Equal(
            lengths.Select((n, i) => $"({n},{(char)('a' + (i % 26))})"),
            await harness.RowsAsync("SELECT length(value), left(value, 1) AS first FROM clickstream.texts ORDER BY \"offset\""));
    }

    [Fact]
    public async Task random_decimals_keep_value_and_scale()
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Utf8)
            .ToTable("decimals", table => table.Column("written", v => v).Column("exact", v => decimal.Parse(v, CultureInfo.InvariantCulture)));
        var topology = builder.Build();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        var random = new Random(20_260_101);
        string[] decimals =
        [
            .. Enumerable.Range(0, 20_000).Select(_ => new decimal(
                random.Next(3) == 0 ? 0 : random.Next(), random.Next(3) == 0 ? 0 : random.Next(), random.Next(3) == 0 ? 0 : random.Next(), random.Next(2) == 0, (byte)random.Next(29)))
                .Select(d => d.ToString(CultureInfo.InvariantCulture)),
        ];
        worker.Feed(Clicks.Start, decimals);
        await harness.CommitAsync(worker);
        Assert.Equal(decimals.Length, await harness.ScalarAsync<long>("SELECT count(*) FROM clickstream.decimals"));
        Assert.Empty(await harness.RowsAsync("SELECT written, exact FROM clickstream.decimals WHERE ltrim(written, '-') <> ltrim(exact::text, '-') OR written::numeric <> exact LIMIT 5"));
    }

    [Fact]
    public async Task dead_letters_keep_bytes_and_say_why_whatever_the_input()
    {
        var topology = Clicks.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        var commit = worker.Take();
        commit.Changes.NextOffset = 9;
        byte[] all = [.. Enumerable.Range(0, 256).Select(i => (byte)i)];
        commit.Changes.DeadLetters.AddRange(
        [
            new(worker.Partition, 0, 1_767_225_600_123, "SOURCE-0", "The value is null.", null, all, null),
            new(worker.Partition, 1, null, "SOURCE-0\0", "half \uD83D, whole 😀, nul \0, other half \uDE00", "at\0line 1\nline 2", null, all),
            new(worker.Partition, 2, -1, "n", "r", null, [], []),
            new(worker.Partition, 3, long.MaxValue, "n", "r", null, null, new byte[2_000_000]),
            new(worker.Partition, 4, long.MinValue, "n", "r", null, null, new byte[9_000_000]),
            new(worker.Partition, 5, 253_402_300_799_999, "n", "r", null, null, null),
        ]);
        await using (var transaction = await harness.Store.WriteAsync([commit], Cancel))
        {
            await transaction.CommitAsync(Cancel);
        }

        Assert.Equal(
            [
                "(clickstream,0,0,\"2026-01-01 00:00:00.123\",SOURCE-0,\"The value is null.\",,1,256,)",
                "(clickstream,0,1,,SOURCE-0\uFFFD,\"half \uFFFD, whole 😀, nul \uFFFD, other half \uFFFD\",\"at\uFFFDline 1\nline 2\",1,,256)",
                "(clickstream,0,2,\"1969-12-31 23:59:59.999\",n,r,,1,0,0)",
                "(clickstream,0,3,,n,r,,1,,2000000)",
                "(clickstream,0,4,,n,r,,1,,9000000)",
                "(clickstream,0,5,\"9999-12-31 23:59:59.999\",n,r,,1,,)",
            ],
            await harness.RowsAsync(
                """
                SELECT topic, partition, "offset", kafka_time AT TIME ZONE 'UTC', node, reason, error, attempts, length(key) AS key, length(value) AS value
                FROM clickstream.dead_letters ORDER BY "offset"
                """));
        Assert.Equal(all, await harness.ScalarAsync<byte[]>("SELECT key FROM clickstream.dead_letters WHERE \"offset\" = 0"));
        Assert.Equal(all, await harness.ScalarAsync<byte[]>("SELECT value FROM clickstream.dead_letters WHERE \"offset\" = 1"));
        Assert.True(await harness.ScalarAsync<bool>("SELECT bool_and(time BETWEEN now() - interval '1 minute' AND now()) FROM clickstream.dead_letters"));
    }

    [Fact]
    public async Task a_dead_letter_that_is_there_already_stays_as_it_is()
    {
        var topology = Clicks.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        await harness.ExecuteAsync("INSERT INTO clickstream.dead_letters (topic, partition, \"offset\", node, reason, attempts) VALUES ('clickstream', 0, 0, 'n', 'earlier', 3)");
        using var worker = new Worker(topology);
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, "bad", "bad");
        await harness.CommitAsync(worker);
        Assert.Equal(["(0,3)", "(1,1)"], await harness.RowsAsync("SELECT \"offset\", attempts FROM clickstream.dead_letters ORDER BY 1"));
    }

    [Fact]
    public async Task rows_of_several_tasks_go_in_one_copy()
    {
        var topology = Clicks.Topology();
        await using var harness = await StoreHarness.StartAsync(postgres, topology);
        Worker[] workers = [.. Enumerable.Range(0, 5).Select(i => new Worker(topology, i))];
        await harness.AcquireAsync(workers);
        foreach (var worker in workers.Where(w => w.Partition.Partition != 2))
        {
            worker.Feed(Clicks.Start, [.. Enumerable.Range(0, 1000).Select(i => Clicks.Json($"/{i}", 400 + (i % 100), user: i % 2 == 0 ? i : null))]);
        }

        await harness.CommitAsync(workers);
        Assert.Equal(
            ["(0,1000,500,249500)", "(1,1000,500,249500)", "(3,1000,500,249500)", "(4,1000,500,249500)"],
            await harness.RowsAsync("SELECT partition, count(*), count(user_id) AS users, sum((click->>'userId')::int) AS sum FROM clickstream.errors GROUP BY 1 ORDER BY 1"));
        Array.ForEach(workers, w => w.Dispose());
    }
}
