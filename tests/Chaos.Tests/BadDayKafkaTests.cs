using Integration.Tests.Support;
using TestKit;

namespace Chaos.Tests;

/// <summary>What the operator of Kafka can run into, and what the node says about it.</summary>
public sealed class BadDayKafkaTests(TestKafka kafka, TestPostgres postgres)
{
    private const string NotReal = "The embedded Kafka deletes no topics and checks no rights.";
    private static readonly string[] _all = ["--operation", "All", "--topic", "*", "--group", "*", "--transactional-id", "*", "--cluster"];
    private readonly TestClicks _clicks = new(2, 4);

    [Fact]
    public async Task a_right_that_is_revoked_is_named_and_granted_again_work_goes_on()
    {
        Assert.SkipUnless(TestKafka.CanStartReal, NotReal);
        await using var secure = await TestKafka.StartOwnAsync(secure: true);
        await using var job = await Job.CreateAsync(secure, postgres);
        var settings = secure.SecureSettings.ToDictionary();
        settings.Remove("bootstrap.servers", out var servers);
        foreach (var (property, value) in settings)
        {
            job.Settings[$"Kafka__Common__{property.Replace('.', '_')}"] = value;
        }

        await secure.RunToolAsync("acls", ["--add", "--allow-principal", "User:streams", .. _all]);
        var node = await job.StartReadyAsync(null, ("ConnectionStrings__Kafka", servers!));
        await TopicWriter.WriteAsync(secure.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        await job.WaitUntilCommittedAsync(1_000);

        // What cannot be written is waited for.
        string[] deny = ["--deny-principal", "User:streams", "--topic"];
        await secure.RunToolAsync("acls", ["--add", .. deny, job.Errors, "--operation", "Write"]);
        await TopicWriter.WriteAsync(secure.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        await node.WaitUntilNotReadyAsync("Topic authorization failed");
        await SaysAsync(node, "Kafka: waiting. ", "Grant this client's Kafka user the right");
        await SaysAsync(node, job.Errors, "Topic authorization failed");
        await secure.RunToolAsync("acls", ["--remove", "--force", .. deny, job.Errors, "--operation", "Write"]);
        await job.WaitUntilCommittedAsync(2_000);
        await node.WaitUntilReadyAsync();

        // What cannot be read ends the node.
        await secure.RunToolAsync("acls", ["--add", .. deny, job.Clicks, "--operation", "Read"]);
        Assert.Equal(1, await node.WaitForExitAsync(Patience.Long));
        Assert.Contains(node.Lines, line => line.Contains("cannot go on: ", StringComparison.Ordinal)
            && line.Contains(job.Clicks, StringComparison.Ordinal) && line.Contains("Topic authorization failed", StringComparison.Ordinal));
        await secure.RunToolAsync("acls", ["--remove", "--force", .. deny, job.Clicks, "--operation", "Read"]);

        await TopicWriter.WriteAsync(secure.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        var next = await job.StartReadyAsync(null, ("ConnectionStrings__Kafka", servers!));
        await job.WaitUntilCommittedAsync(3_000);
        await Exactly.AllAfterCrashesAsync(job);
        Assert.Equal(0, await next.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task a_deleted_output_topic_is_named_and_made_again_the_node_goes_on()
    {
        Assert.SkipUnless(kafka.IsReal, NotReal);
        await using var job = await Job.CreateAsync(kafka, postgres);
        var node = await StartedAsync(job);
        var before = await job.NextOffsetsAsync();
        await kafka.DeleteTopicAsync(job.Errors);
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        await node.WaitUntilNotReadyAsync(job.Errors);
        Assert.Equal(1_000, await job.CommittedAsync());

        await kafka.CreateTopicAsync(job.Errors, 4);
        await job.WaitUntilCommittedAsync(2_000);
        await node.WaitUntilReadyAsync();
        var recount = Recount.Of(await job.ReadAsync(job.Clicks));
        await Exactly.TablesAsync(job, recount);
        await Exactly.CountsTopicAsync(job, recount);

        // What was there before went with the topic; everything since is there once.
        Exactly.Same(
            recount.ErrorRecords.Where(r => r.Offset >= before[r.Partition]).Select(r => (r.KeyText, r.ValueText, r.Timestamp)),
            (await job.ReadAsync(job.Errors)).Select(r => (r.KeyText, r.ValueText, r.Timestamp)),
            $"topic {job.Errors} since it was made again");
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    [Fact]
    public async Task a_deleted_input_topic_is_named()
    {
        Assert.SkipUnless(kafka.IsReal, NotReal);
        await using var job = await Job.CreateAsync(kafka, postgres);
        var node = await StartedAsync(job);
        await kafka.DeleteTopicAsync(job.Clicks);
        await node.WaitUntilNotReadyAsync($"the input topic '{job.Clicks}' does not exist any more");
        Assert.Equal(0, await node.StopAsync(Patience.Short));
    }

    /// <summary>What a node says of itself over HTTP may be read before the same in its log.</summary>
    private static async Task SaysAsync(Node node, params string[] texts)
    {
        try
        {
            await Eventually.True(
                () => node.Lines.Any(line => texts.All(text => line.Contains(text, StringComparison.Ordinal))), Patience.Short, $"the node says {string.Join(" and ", texts)}");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} It wrote:\n{node.Output}", e);
        }
    }

    private async Task<Node> StartedAsync(Job job)
    {
        var node = await job.StartReadyAsync();
        await TopicWriter.WriteAsync(kafka.BootstrapServers, job.Clicks, _clicks.Take(1_000));
        await job.WaitUntilCommittedAsync(1_000);
        return node;
    }
}
