using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Streams.Hosting.Kafka;
using Streams.Hosting.Telemetry;

namespace Streams.Hosting.Runtime;

/// <summary>
/// A node's life as a service of its host: wait for PostgreSQL and Kafka, prepare tables and topics, then run
/// (<see cref="NodeRuntime"/>) until told to stop. What it cannot mend itself ends the process with exit code 1.
/// </summary>
internal sealed class StreamsNode(
    Topology topology,
    IOptions<StreamsOptions> options,
    KafkaSettings kafka,
    IStateStore store,
    NodeIdentity identity,
    NodeHealth health,
    NodeMetrics metrics,
    IHostApplicationLifetime lifetime,
    TimeProvider time,
    ILoggerFactory loggers) : BackgroundService
{
    private readonly ILogger _logger = loggers.CreateLogger<StreamsNode>();
    private readonly StreamsOptions _options = options.Value;

    protected override async Task ExecuteAsync(CancellationToken stoppingToken)
    {
        // Nothing of the host waits for this: it would not listen before we are through with the first await.
        await Task.Yield();
        _logger.NodeStarts(identity.Name, _options.ApplicationId);
        try
        {
            await RunAsync(stoppingToken);
            SayGoodBye();
        }
        catch (OperationCanceledException) when (stoppingToken.IsCancellationRequested)
        {
            SayGoodBye();
        }
        catch (Exception e) when (stoppingToken.IsCancellationRequested && Failures.IsTransient(Cause(e)))
        {
            // Told to stop while it waited for a server: what it would have done is left to others, and nothing is wrong with it.
            _logger.NodeStoppedWaiting(identity.Name, Failures.Describe(Cause(e)));
        }
        catch (Exception e)
        {
            _logger.NodeFailed(e, identity.Name, Failures.Describe(Cause(e)));
            Environment.ExitCode = 1;
            lifetime.StopApplication();
        }
    }

    private void SayGoodBye()
    {
        if (health.HasLeftWork)
        {
            _logger.NodeStoppedUncommitted(identity.Name);
        }
        else
        {
            _logger.NodeStopped(identity.Name);
        }
    }

    private static Exception Cause(Exception e) => e is NodeFailedException { InnerException: { } cause } ? cause : e;

    private async Task RunAsync(CancellationToken stopping)
    {
        _options.ThrowIfUnfitFor(topology);
        using var admin = new KafkaAdmin(kafka, identity.Name, loggers.CreateLogger<KafkaAdmin>());
        var log = new KafkaRecordLog(topology, _options, kafka, identity.Name, admin, time, loggers);
        var runtime = new NodeRuntime(topology, _options, store, log, health, metrics, NodeSurroundings.Real(time), loggers);
        await runtime.RetryAsync(Dependency.Postgres, () => store.PrepareAsync(stopping), stopping);
        await PrepareTopicsAsync(admin, runtime, stopping);
        await runtime.RunAsync(stopping);
    }

    private async Task PrepareTopicsAsync(KafkaAdmin admin, NodeRuntime runtime, CancellationToken stopping)
    {
        var partitions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var topic in topology.SourceTopics.Except(topology.RepartitionTopics))
        {
            await runtime.RetryAsync(
                Dependency.Kafka,
                async () => partitions[topic] = await WaitForTopicAsync(admin, topic, stopping),
                stopping);
        }

        health.Up(Dependency.Topics);
        foreach (var topic in topology.SinkTopics)
        {
            var wanted = _options.OutputPartitions > 0 ? _options.OutputPartitions : topology.SourcesOf(topic).Max(source => partitions[source]);
            await runtime.RetryAsync(Dependency.Kafka, () => admin.EnsureTopicAsync(topic, wanted, stopping), stopping);

            // What is behind a repartition gets as many partitions as that has.
            await runtime.RetryAsync(Dependency.Kafka, async () => partitions[topic] = await admin.PartitionCountAsync(topic, stopping) ?? wanted, stopping);
        }
    }

    private async Task<int> WaitForTopicAsync(KafkaAdmin admin, string topic, CancellationToken stopping)
    {
        while (true)
        {
            if (await admin.PartitionCountAsync(topic, stopping) is { } partitions)
            {
                return partitions;
            }

            health.Up(Dependency.Kafka);
            health.Down(Dependency.Topics, $"the input topic '{topic}' does not exist; create it, or start its producer");
            await Task.Delay(TimeSpan.FromMilliseconds(500), time, stopping);
        }
    }
}
