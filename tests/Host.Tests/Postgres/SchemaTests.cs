using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Processors;
using TestKit;

namespace Streams.Hosting.Tests.Postgres;

public sealed class SchemaTests(TestPostgres postgres)
{
    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private sealed record Reading(string Sensor, double Celsius);

    private static Topology Averages(string table = "averages", string column = "celsius")
    {
        var builder = new StreamBuilder();
        builder.Stream("clickstream", Codecs.Utf8, Codecs.Json<Reading>()).GroupBy(r => r.Sensor, "sensor").Average(r => r.Celsius, column).ToTable(table);
        return builder.Build();
    }

    private static Task<IReadOnlyList<string>> ColumnsAsync(StoreHarness harness, string table) => harness.RowsAsync(
        $"""
        SELECT a.attname, format_type(a.atttypid, a.atttypmod) AS type, a.attnotnull, coalesce(pg_get_expr(d.adbin, d.adrelid), '') AS expression
        FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
        WHERE a.attrelid = '{table}'::regclass AND a.attnum > 0 ORDER BY a.attnum
        """);

    private static Task<IReadOnlyList<string>> PrimaryKeyAsync(StoreHarness harness, string table) =>
        harness.RowsAsync($"SELECT pg_get_constraintdef(oid) FROM pg_constraint WHERE conrelid = '{table}'::regclass AND contype = 'p'");

    [Fact]
    public async Task the_main_jobs_tables_are_created_as_documented()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        Assert.Equal(
            [
                "(topic,text,t,\"\")",
                "(partition,integer,t,\"\")",
                "(offset,bigint,t,\"\")",
                "(time,\"timestamp with time zone\",t,\"\")",
                "(path,text,t,\"\")",
                "(status,integer,t,\"\")",
                "(user_id,bigint,f,\"\")",
                "(click,jsonb,f,\"\")",
            ],
            await ColumnsAsync(harness, "clickstream.errors"));
        Assert.Equal(["(\"PRIMARY KEY (topic, partition, \"\"offset\"\")\")"], await PrimaryKeyAsync(harness, "clickstream.errors"));
        Assert.Equal(
            ["(window_start,\"timestamp with time zone\",t,\"\")", "(path,text,t,\"\")", "(status,integer,t,\"\")", "(n,bigint,t,\"\")"],
            await ColumnsAsync(harness, "clickstream.error_counts"));
        Assert.Equal(["(\"PRIMARY KEY (window_start, path, status)\")"], await PrimaryKeyAsync(harness, "clickstream.error_counts"));
        Assert.Equal(["(\"PRIMARY KEY (topic, partition, \"\"offset\"\")\")"], await PrimaryKeyAsync(harness, "clickstream.dead_letters"));
        Assert.Equal(
            ["(dead_letters)", "(error_counts)", "(errors)", "(nodes)", "(partitions)", "(topology)"],
            await harness.RowsAsync("SELECT tablename FROM pg_tables WHERE schemaname = 'clickstream' ORDER BY 1"));
    }

    [Fact]
    public async Task the_topology_that_was_applied_can_be_read()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        Assert.Equal(Clicks.Topology().Describe(), await harness.ScalarAsync<string>("SELECT description FROM clickstream.topology"));
        Assert.Equal(
            ["(errors,Append)", "(error_counts,Aggregate)"],
            await harness.RowsAsync("SELECT t->>'name', t->>'kind' FROM clickstream.topology, jsonb_array_elements(tables->'tables') AS t"));
    }

    [Fact]
    public async Task a_computed_column_is_computed_by_the_table()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Averages());
        await harness.ExecuteAsync("INSERT INTO clickstream.averages (sensor, celsius_sum, celsius_count) VALUES ('a', 9, 2), ('b', 0, 0)");
        Assert.Equal(["(a,4.5)", "(b,)"], await harness.RowsAsync("SELECT sensor, celsius FROM clickstream.averages ORDER BY 1"));
    }

    [Fact]
    public async Task preparing_again_changes_nothing_and_keeps_rows()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync("INSERT INTO clickstream.error_counts VALUES (now(), '/', 500, 7)");
        var applied = await harness.ScalarAsync<DateTime>("SELECT applied_at FROM clickstream.topology");
        await harness.Store.PrepareAsync(Cancel);
        Assert.Equal(7, await harness.ScalarAsync<long>("SELECT n FROM clickstream.error_counts"));
        Assert.Equal(applied, await harness.ScalarAsync<DateTime>("SELECT applied_at FROM clickstream.topology"));
    }

    [Fact]
    public async Task nodes_that_start_at_once_do_not_disturb_each_other()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Clicks.Topology("reports"));
        var nodes = Enumerable.Range(0, 8).Select(i => harness.Open(node: $"node-{i}"))
            .Append(harness.Open(application: "other", topology: Averages()))
            .Append(harness.Open(application: "third", topology: Averages()));
        await Task.WhenAll(nodes.Select(n => Task.Run(() => n.PrepareAsync(Cancel), Cancel)));
        Assert.Equal(2, await harness.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'reports'"));
    }

    [Fact]
    public async Task nodes_unseen_for_a_day_leave_the_list_when_another_starts()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync(
            "INSERT INTO clickstream.nodes VALUES ('gone', now(), now() - interval '25 hours'), ('away', now(), now() - interval '23 hours')");
        await harness.Store.HeartbeatAsync(Cancel);
        await harness.Store.PrepareAsync(Cancel);
        Assert.Equal("away, node-1", await harness.ScalarAsync<string>("SELECT string_agg(name, ', ' ORDER BY name) FROM clickstream.nodes"));
    }

    [Fact]
    public async Task tables_may_live_in_a_schema_of_their_own()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology("reports"));
        using var worker = new Worker(Clicks.Topology("reports"));
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Clicks.Json("/cart", 503));
        await harness.CommitAsync(worker);
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT n FROM reports.error_counts"));
        Assert.Equal(1, await harness.ScalarAsync<long>("SELECT count(*) FROM reports.errors"));
    }

    [Fact]
    public async Task what_differs_is_reported_with_the_statements_that_mend_it()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync(
            """
            CREATE SCHEMA clickstream;
            CREATE TABLE clickstream.errors (
                topic text, "partition" int, "offset" bigint, "time" timestamptz NOT NULL,
                path varchar(20) NOT NULL, status bigint NOT NULL, click jsonb NOT NULL, note text NOT NULL, PRIMARY KEY (topic, "offset"));
            CREATE TABLE clickstream.error_counts (
                window_start timestamptz, path text, status int, n bigint GENERATED ALWAYS AS IDENTITY, PRIMARY KEY (status, path, window_start));
            """);
        var mismatch = await Assert.ThrowsAsync<SchemaMismatchException>(() => harness.Store.PrepareAsync(Cancel));
        Assert.Equal(
            """
            Tables in PostgreSQL are not what the topology needs; nothing was changed.
            Table "clickstream"."errors":
              column "partition" is nullable, and must be NOT NULL
              column "path" is character varying(20), and must be text
              column "status" is bigint, and must be integer
              column "user_id" (bigint) is missing
              column "click" is NOT NULL, and must be nullable
              the primary key is ("topic", "offset"), and must be ("topic", "partition", "offset")
              column "note" is not the topology's, and may neither be null nor has a default
            Table "clickstream"."error_counts":
              column "n" is GENERATED ALWAYS AS IDENTITY, and must be a plain column
            These statements would mend it; read them first, since some rewrite the table:
            ALTER TABLE "clickstream"."errors" ALTER COLUMN "partition" SET NOT NULL;
            ALTER TABLE "clickstream"."errors" ALTER COLUMN "path" TYPE text USING "path"::text;
            ALTER TABLE "clickstream"."errors" ALTER COLUMN "status" TYPE integer USING "status"::integer;
            ALTER TABLE "clickstream"."errors" ADD COLUMN "user_id" bigint;
            ALTER TABLE "clickstream"."errors" ALTER COLUMN "click" DROP NOT NULL;
            ALTER TABLE "clickstream"."errors" DROP CONSTRAINT "errors_pkey", ADD PRIMARY KEY ("topic", "partition", "offset");
            ALTER TABLE "clickstream"."errors" ALTER COLUMN "note" DROP NOT NULL;
            ALTER TABLE "clickstream"."error_counts" ALTER COLUMN "n" DROP IDENTITY;
            """,
            mismatch.Message);
        Assert.Equal(2, await harness.ScalarAsync<long>("SELECT count(*) FROM pg_tables WHERE schemaname = 'clickstream'"));

        foreach (var statement in mismatch.Message.Split('\n').Where(line => line.StartsWith("ALTER", StringComparison.Ordinal)))
        {
            await harness.ExecuteAsync(statement);
        }

        await harness.Store.PrepareAsync(Cancel);
    }

    [Theory]
    [InlineData("ALTER TABLE clickstream.averages ALTER COLUMN celsius DROP EXPRESSION", "column \"celsius\" is double precision, not computed, and must be double precision, computed as")]
    [InlineData("ALTER TABLE clickstream.averages DROP COLUMN celsius", "column \"celsius\" (double precision) is missing")]
    [InlineData("ALTER TABLE clickstream.averages DROP COLUMN celsius_count CASCADE", "column \"celsius_count\" (bigint) is missing")]
    [InlineData("ALTER TABLE clickstream.averages DROP CONSTRAINT averages_pkey", "there is no primary key, and it must be (\"sensor\")")]
    [InlineData("ALTER TABLE clickstream.partitions DROP COLUMN epoch", "column \"epoch\" (bigint) is missing")]
    [InlineData("ALTER TABLE clickstream.dead_letters DROP COLUMN reason", "column \"reason\" (text) is missing")]
    public async Task a_table_that_was_changed_is_found_and_can_be_mended(string change, string difference)
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Averages());
        await harness.ExecuteAsync("INSERT INTO clickstream.averages (sensor, celsius_sum, celsius_count) VALUES ('a', 9, 2)");
        await harness.ExecuteAsync(change);
        var mismatch = await Assert.ThrowsAsync<SchemaMismatchException>(() => harness.Store.PrepareAsync(Cancel));
        Assert.Contains(difference, mismatch.Message, StringComparison.Ordinal);
        foreach (var statement in mismatch.Message.Split('\n').Where(line => line.StartsWith("ALTER", StringComparison.Ordinal)))
        {
            await harness.ExecuteAsync(statement);
        }

        await harness.Store.PrepareAsync(Cancel);
        Assert.Equal(9, await harness.ScalarAsync<double>("SELECT celsius_sum FROM clickstream.averages"));
    }

    [Fact]
    public async Task a_column_that_a_new_version_brings_is_added_to_a_system_table()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        using var worker = new Worker(Clicks.Topology());
        await harness.AcquireAsync(worker);
        await harness.ExecuteAsync("ALTER TABLE clickstream.partitions DROP COLUMN era");
        await harness.Store.PrepareAsync(Cancel);
        Assert.Equal(0, await harness.ScalarAsync<long>("SELECT era FROM clickstream.partitions"));
    }

    [Fact]
    public async Task a_view_in_a_tables_place_is_reported()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync("CREATE SCHEMA clickstream; CREATE VIEW clickstream.errors AS SELECT 1 AS one");
        var mismatch = await Assert.ThrowsAsync<SchemaMismatchException>(() => harness.Store.PrepareAsync(Cancel));
        Assert.Contains("Table \"clickstream\".\"errors\":\n  it is a view, and must be a table; drop or rename it", mismatch.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task columns_that_users_added_are_left_alone()
    {
        await using var harness = await StoreHarness.StartAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync(
            """
            ALTER TABLE clickstream.errors ADD COLUMN note text, ADD COLUMN seen boolean NOT NULL DEFAULT false, ADD COLUMN id bigint GENERATED ALWAYS AS IDENTITY;
            ALTER TABLE clickstream.error_counts ADD COLUMN many boolean GENERATED ALWAYS AS (n > 1) STORED;
            """);
        await harness.Store.PrepareAsync(Cancel);
        using var worker = new Worker(Clicks.Topology());
        await harness.AcquireAsync(worker);
        worker.Feed(Clicks.Start, Clicks.Json("/cart", 503), Clicks.Json("/cart", 503));
        await harness.CommitAsync(worker);
        Assert.Equal(["(/cart,,f,1)", "(/cart,,f,2)"], await harness.RowsAsync("SELECT path, note, seen, id FROM clickstream.errors ORDER BY id"));
        Assert.Equal(["(2,t)"], await harness.RowsAsync("SELECT n, many FROM clickstream.error_counts"));
    }

    [Theory]
    [InlineData("My \"App\"; DROP TABLE x; --", "Table \"1\" 'x'", "a \"column\" $1")]
    [InlineData("SELECT", "Order", "excluded")]
    [InlineData("größenwahnsinnigegrößenwahnsinnigegrößenwahnsinnige_und_s", "表表表表表表表表表表表表表表表表表表表表表", "t")]
    public async Task any_name_that_postgres_can_hold_works(string application, string table, string column)
    {
        var topology = Averages(table, column);
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, topology);
        var store = harness.Open(application: application);
        await store.PrepareAsync(Cancel);
        await store.PrepareAsync(Cancel);
        using var worker = new Worker(topology);
        worker.Start(Assert.Single(await store.AcquireAsync([worker.Partition], Cancel)));
        worker.Feed(Clicks.Start, """{"sensor":"a","celsius":1}""", """{"sensor":"a","celsius":2}""", "bad");
        await using (var transaction = await store.WriteAsync([worker.Take()], Cancel))
        {
            await transaction.CommitAsync(Cancel);
        }

        var (schema, name, average) = (Identifiers.Quote(application), Identifiers.Quote(table), Identifiers.Quote(column));
        Assert.Equal(["(a,1.5)"], await harness.RowsAsync($"SELECT sensor, {average} FROM {schema}.{name}"));
        Assert.Equal(1, await harness.ScalarAsync<long>($"SELECT count(*) FROM {schema}.dead_letters"));
    }

    [Fact]
    public void an_application_id_that_cannot_name_a_schema_is_refused()
    {
        var refused = Assert.Throws<ArgumentException>(() => new SchemaManager(
            new string('a', 64), Clicks.Topology(), new PostgresOptions(), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));
        Assert.Contains("the name has 64 bytes; PostgreSQL takes at most 63", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void a_table_that_is_named_like_one_of_the_systems_is_refused()
    {
        var refused = Assert.Throws<ArgumentException>(() => new SchemaManager(
            "clickstream", Averages("partitions"), new PostgresOptions(), Microsoft.Extensions.Logging.Abstractions.NullLogger.Instance));
        Assert.Contains("The table \"clickstream\".\"partitions\" would be two tables at once", refused.Message, StringComparison.Ordinal);
    }

    [Fact]
    public async Task a_database_that_cannot_hold_every_text_is_refused()
    {
        await using var harness = await StoreHarness.StartEmptyAsync(postgres, Clicks.Topology());
        await harness.ExecuteAsync("CREATE DATABASE latin ENCODING 'LATIN1' LOCALE 'C' TEMPLATE template0");
        var store = harness.Open(connectionString: postgres.Server.ConnectionStringFor("latin"));
        var mismatch = await Assert.ThrowsAsync<SchemaMismatchException>(() => store.PrepareAsync(Cancel));
        Assert.Contains("The database \"latin\" has the encoding LATIN1", mismatch.Message, StringComparison.Ordinal);
    }
}
