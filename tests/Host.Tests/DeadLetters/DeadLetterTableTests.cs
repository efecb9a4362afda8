using Npgsql;
using Streams.Hosting.DeadLetters;
using Streams.Hosting.Tests.Postgres;
using TestKit;

namespace Streams.Hosting.Tests.DeadLetters;

public sealed class DeadLetterTableTests(TestPostgres postgres)
{
    private static readonly DeadLetterSelection Everything = new() { States = DeadLetterStates.Waiting | DeadLetterStates.Requested | DeadLetterStates.Replayed };

    private static CancellationToken Cancel => TestContext.Current.CancellationToken;

    private static DeadLetterPosition At(int partition, long offset) => new("clickstream", partition, offset);

    /// <summary>Two partitions with two waiting letters each, one requested and one replayed.</summary>
    private async Task<Letters> SixAsync()
    {
        var letters = await Letters.StartAsync(postgres);
        using Worker first = new(Clicks.Topology()), second = new(Clicks.Topology(), partition: 1);
        await letters.Store.AcquireAsync(first, second);
        await letters.AddAsync(0, 1);
        await letters.AddAsync(0, 2, "null");
        await letters.AddAsync(0, 3, "null");
        await letters.AddAsync(1, 1, "not null");
        await letters.AddAsync(1, 2);
        await letters.AddAsync(1, 3);
        await letters.Table.RequestReplayAsync(new DeadLetterSelection { Positions = [At(0, 3)] }, Cancel);
        await letters.Store.ExecuteAsync("UPDATE clickstream.dead_letters SET replayed_at = now() WHERE partition = 1 AND \"offset\" = 3");
        return letters;
    }

    public static TheoryData<string, DeadLetterSelection, string> Selections => new()
    {
        { "what waits or is requested", new(), "0@1 0@2 0@3 1@1 1@2" },
        { "what waits", new() { States = DeadLetterStates.Waiting }, "0@1 0@2 1@1 1@2" },
        { "what is requested", new() { States = DeadLetterStates.Requested }, "0@3" },
        { "what went through", new() { States = DeadLetterStates.Replayed }, "1@3" },
        { "everything", Everything, "0@1 0@2 0@3 1@1 1@2 1@3" },
        { "a text in the reason", Everything with { Reason = "null" }, "0@2 0@3 1@1" },
        { "a topic", Everything with { Topic = "another" }, "" },
        { "a partition", Everything with { Topic = "clickstream", Partition = 1 }, "1@1 1@2 1@3" },
        { "positions", Everything with { Positions = [At(1, 3), At(0, 1), At(7, 7)] }, "0@1 1@3" },
        { "everything at once", Everything with { Positions = [At(0, 2), At(1, 1), At(1, 2)], Reason = "null", Partition = 1 }, "1@1" },
    };

    [Theory]
    [MemberData(nameof(Selections))]
    public async Task a_selection_holds_what_meets_all_its_conditions(string what, DeadLetterSelection selection, string expected)
    {
        await using var letters = await SixAsync();
        var rows = await letters.Table.ListAsync(selection, 10, Cancel);
        Assert.True(expected == string.Join(' ', rows.Select(r => $"{r.Position.Partition}@{r.Position.Offset}")), what);
        Assert.Equal(rows.Count, (await letters.Table.SummarizeAsync(selection, Cancel)).Count);
    }

    [Fact]
    public async Task the_list_is_limited_and_the_summary_counts_by_reason()
    {
        await using var letters = await SixAsync();
        Assert.Equal([At(0, 1), At(0, 2)], (await letters.Table.ListAsync(Everything, 2, Cancel)).Select(r => r.Position));
        var summary = await letters.Table.SummarizeAsync(Everything, Cancel);
        Assert.Equal(6, summary.Count);
        Assert.Equal([new("too large", 3), new("null", 2), new DeadLetterCount("not null", 1)], summary.Reasons);
    }

    [Fact]
    public async Task one_dead_letter_is_found_with_all_that_is_kept_of_it()
    {
        await using var letters = await SixAsync();
        await letters.Store.ExecuteAsync(
            """
            UPDATE clickstream.dead_letters
            SET key = '\x00ff', headers = '[{"name": "trace", "text": "abc"}]', stream_time = '2026-01-01 00:00:05Z', attempts = 3, time = '2026-01-02Z'
            WHERE partition = 0 AND "offset" = 2
            """);
        var letter = await letters.Table.FindAsync(At(0, 2), Cancel);
        var start = Clicks.Start;
        Assert.Equal(
            new DeadLetterRow(At(0, 2), start.AddDays(1), start.AddSeconds(1), "SOURCE", "null", 3, 2, Clicks.Json("/a", 500).Length, null, null),
            letter!.Row);
        Assert.Equal(("stack", start.AddSeconds(5)), (letter.Error, letter.StreamTime));
        Assert.Equal([0x00, 0xFF], letter.Key!.Value.ToArray());
        Assert.Equal(Clicks.Json("/a", 500), System.Text.Encoding.UTF8.GetString(letter.Value!.Value.Span));
        var header = Assert.Single(letter.Headers);
        Assert.Equal(("trace", "abc"), (header.Key, System.Text.Encoding.UTF8.GetString(header.Value!)));
        Assert.Null(await letters.Table.FindAsync(At(0, 9), Cancel));
    }

    [Fact]
    public async Task a_request_numbers_what_waits_per_partition_and_leaves_the_rest()
    {
        await using var letters = await SixAsync();
        var request = await letters.Table.RequestReplayAsync(Everything, Cancel);
        Assert.Equal(4, request.Count);
        Assert.Equal([new("clickstream", 0, 2, 3), new ReplayRange("clickstream", 1, 1, 2)], request.Ranges);
        Assert.Equal(
            ["(0,1,2,t)", "(0,2,3,t)", "(0,3,1,t)", "(1,1,1,t)", "(1,2,2,t)", "(1,3,,f)"],
            await letters.Store.RowsAsync("SELECT partition, \"offset\", replay, requested_at IS NOT NULL FROM clickstream.dead_letters ORDER BY 1, 2"));
        Assert.Equal(0, (await letters.Table.RequestReplayAsync(Everything, Cancel)).Count);
    }

    [Fact]
    public async Task a_number_is_never_given_twice_even_after_its_row_is_gone()
    {
        await using var letters = await SixAsync();
        await letters.Table.RequestReplayAsync(Everything, Cancel);
        await letters.Store.ExecuteAsync("DELETE FROM clickstream.dead_letters");
        await letters.AddAsync(0, 9);
        Assert.Equal([new ReplayRange("clickstream", 0, 4, 4)], (await letters.Table.RequestReplayAsync(Everything, Cancel)).Ranges);
    }

    [Fact]
    public async Task requests_at_the_same_time_share_the_rows_and_no_number()
    {
        await using var letters = await SixAsync();
        await letters.Store.ExecuteAsync(
            """
            INSERT INTO clickstream.dead_letters (topic, partition, "offset", node, reason)
            SELECT 'clickstream', n % 2, 1000 + n, 'SOURCE', 'many' FROM generate_series(1, 12000) AS n
            """);
        await using var other = Letters.Open(letters.Store.ConnectionString);
        var selection = new DeadLetterSelection { Reason = "many" };
        var requests = await Task.WhenAll(Enumerable.Range(0, 4).Select(i => Task.Run(() => (i % 2 == 0 ? letters.Table : other).RequestReplayAsync(selection, Cancel))));
        Assert.Equal(12_000, requests.Sum(r => r.Count));
        Assert.Equal(
            ["(0,6000,6000,2,6001)", "(1,6000,6000,1,6000)"],
            await letters.Store.RowsAsync(
                "SELECT partition, count(*), count(DISTINCT replay), min(replay), max(replay) FROM clickstream.dead_letters WHERE reason = 'many' GROUP BY 1 ORDER BY 1"));
        foreach (var request in requests)
        {
            Assert.Equal(request.Count, (await letters.Table.ProgressAsync(request, Cancel)).Open);
        }
    }

    [Fact]
    public async Task progress_and_outcome_tell_what_is_open_what_went_through_and_what_failed_again()
    {
        await using var letters = await SixAsync();
        var request = await letters.Table.RequestReplayAsync(Everything, Cancel);
        Assert.Equal(new ReplayProgress(4, 0), await letters.Table.ProgressAsync(request, Cancel));
        await letters.Store.Store.HeartbeatAsync(Cancel);
        await letters.Store.ExecuteAsync("INSERT INTO clickstream.nodes VALUES ('gone', now(), now() - interval '16 seconds')");
        await letters.Store.ExecuteAsync("UPDATE clickstream.dead_letters SET requested_at = NULL, replayed_at = now() WHERE partition = 0 AND \"offset\" < 3");
        await letters.Store.ExecuteAsync("UPDATE clickstream.dead_letters SET requested_at = NULL, reason = 'again' WHERE partition = 1 AND \"offset\" = 2");
        Assert.Equal(new ReplayProgress(1, 1), await letters.Table.ProgressAsync(request, Cancel));
        var outcome = await letters.Table.OutcomeAsync(request, Cancel);
        Assert.Equal(2, outcome.Replayed);
        Assert.Equal((1, "again"), (outcome.Failed.Count, Assert.Single(outcome.Failed.Reasons).Reason));
    }

    [Fact]
    public async Task dropping_leaves_what_a_node_may_be_about_to_replay()
    {
        await using var letters = await SixAsync();
        Assert.Equal(2, await letters.Table.DropAsync(Everything with { Partition = 0 }, Cancel));
        Assert.Equal(1, await letters.Table.DropAsync(new DeadLetterSelection { States = DeadLetterStates.Replayed }, Cancel));
        Assert.Equal([At(0, 3), At(1, 1), At(1, 2)], (await letters.Table.ListAsync(Everything, 10, Cancel)).Select(r => r.Position));
        Assert.Equal(0, await letters.Table.DropAsync(new DeadLetterSelection { States = DeadLetterStates.Requested }, Cancel));
    }

    [Fact]
    public async Task an_application_that_has_never_run_is_named()
    {
        await using var letters = await SixAsync();
        await using var other = Letters.Open(letters.Store.ConnectionString, "other");
        var error = await Assert.ThrowsAsync<DeadLetterException>(() => other.ListAsync(Everything, 1, Cancel));
        Assert.Equal(
            "There are no tables of the application 'other': no node of it has run on this database. Check Streams:ApplicationId and ConnectionStrings:Postgres.",
            error.Message);
    }

    [Fact]
    public async Task missing_rights_are_named_with_the_statements_that_grant_them()
    {
        await using var letters = await SixAsync();
        await letters.Store.ExecuteAsync("CREATE ROLE reader5 LOGIN PASSWORD 'secret'; GRANT USAGE ON SCHEMA clickstream TO reader5; GRANT SELECT ON clickstream.dead_letters TO reader5");
        await using var reader = Letters.Open(new NpgsqlConnectionStringBuilder(letters.Store.ConnectionString) { Username = "reader5", Password = "secret" }.ConnectionString);
        Assert.Equal(6, (await reader.ListAsync(Everything, 10, Cancel)).Count);
        var error = await Assert.ThrowsAsync<DeadLetterException>(() => reader.DropAsync(Everything, Cancel));
        Assert.StartsWith("The role \"reader5\" may not do that: permission denied for table dead_letters.", error.Message, StringComparison.Ordinal);
        foreach (var grant in error.Message.Split('\n').Skip(1))
        {
            await letters.Store.ExecuteAsync(grant);
        }

        Assert.Equal(1, (await reader.RequestReplayAsync(new DeadLetterSelection { Partition = 1, Reason = "too large" }, Cancel)).Count);
        Assert.Equal(4, await reader.DropAsync(Everything, Cancel));
    }

    [Theory]
    [InlineData("clickstream-0@17", "clickstream", 0, 17)]
    [InlineData("a-b@c-12@9223372036854775807", "a-b@c", 12, long.MaxValue)]
    public void a_position_is_read_as_it_is_written(string text, string topic, int partition, long offset)
    {
        Assert.True(DeadLetterPosition.TryParse(text, out var position));
        Assert.Equal(new DeadLetterPosition(topic, partition, offset), position);
        Assert.Equal(text, position.ToString());
    }

    [Theory]
    [InlineData(null)]
    [InlineData("")]
    [InlineData("clickstream")]
    [InlineData("clickstream@1")]
    [InlineData("clickstream-0")]
    [InlineData("-0@1")]
    [InlineData("clickstream-@1")]
    [InlineData("clickstream-0@")]
    [InlineData("clickstream-0@-1")]
    [InlineData("clickstream-0@1x")]
    public void what_is_no_position_is_refused(string? text) => Assert.False(DeadLetterPosition.TryParse(text, out _));
}
