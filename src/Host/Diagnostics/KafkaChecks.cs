using System.Globalization;
using System.Runtime.CompilerServices;
using Confluent.Kafka;
using Microsoft.Extensions.Logging.Abstractions;
using Streams.Hosting.Kafka;
using Streams.Hosting.Runtime;

namespace Streams.Hosting.Diagnostics;

/// <summary>Tries what a node needs of Kafka.</summary>
internal sealed class KafkaChecks(KafkaSettings settings, StreamsOptions options, Topology topology)
{
    private const string KafkaName = "Kafka";
    private const string GroupName = "consumer group";
    private const string TransactionsName = "transactions";

    /// <summary>The results where nothing can be tried.</summary>
    public static async IAsyncEnumerable<CheckResult> NotTried(Topology topology, string reason)
    {
        await Task.CompletedTask;
        yield return CheckResult.NotTried(KafkaName, reason);
        foreach (var topic in topology.SourceTopics.Union(topology.SinkTopics))
        {
            yield return CheckResult.NotTried(TopicName(topic), reason);
        }

        yield return CheckResult.NotTried(GroupName, reason);
    }

    public async IAsyncEnumerable<CheckResult> RunAsync([EnumeratorCancellation] CancellationToken cancellation)
    {
        using var probe = new KafkaProbe(settings, options.ApplicationId);
        var reached = await TryAsync(KafkaName, async () =>
        {
            var brokers = await probe.ReachAsync(cancellation);
            return CheckResult.Ok(KafkaName, Invariant($"{settings.Servers}: {Count(brokers, "broker")}"));
        });
        yield return reached;
        if (reached.Outcome != CheckOutcome.Ok)
        {
            await foreach (var result in NotTried(topology, "Kafka is not reached").Skip(1).WithCancellation(cancellation))
            {
                yield return result;
            }

            yield break;
        }

        using var admin = new KafkaAdmin(settings, KafkaProbe.ClientId, NullLogger.Instance);
        var partitions = new Dictionary<string, int>(StringComparer.Ordinal);
        foreach (var topic in topology.SourceTopics.Except(topology.RepartitionTopics))
        {
            yield return await TryAsync(TopicName(topic), () => SourceAsync(topic, admin, probe, partitions, cancellation));
        }

        foreach (var topic in topology.SinkTopics)
        {
            yield return await TryAsync(TopicName(topic), () => SinkAsync(topic, admin, probe, partitions, cancellation));
        }

        yield return await TryAsync(GroupName, async () =>
        {
            if (partitions.Count == 0)
            {
                return CheckResult.NotTried(GroupName, "there is no input topic");
            }

            await probe.SeeGroupAsync(partitions.Keys, cancellation);
            return CheckResult.Ok(GroupName, options.ApplicationId);
        });

        if (NodeRuntime.IsTransactional(topology, options))
        {
            yield return await TryAsync(TransactionsName, async () =>
            {
                await probe.InitTransactionsAsync(cancellation);
                return CheckResult.Ok(TransactionsName, "a producer may begin them");
            });
        }
    }

    private static async Task<CheckResult> SourceAsync(
        string topic, KafkaAdmin admin, KafkaProbe probe, Dictionary<string, int> partitions, CancellationToken cancellation)
    {
        if (await admin.PartitionCountAsync(topic, cancellation) is not { } count)
        {
            return CheckResult.Wrong(TopicName(topic),
                $"The input topic {topic} does not exist (or this client may not see it). Start what writes to it, or create it: kafka-topics.sh --create --topic {topic} --partitions N");
        }

        partitions[topic] = count;
        await probe.ReadAsync(topic, cancellation);
        return CheckResult.Ok(TopicName(topic), $"input, {Count(count, "partition")}, may be read");
    }

    private async Task<CheckResult> SinkAsync(
        string topic, KafkaAdmin admin, KafkaProbe probe, Dictionary<string, int> partitions, CancellationToken cancellation)
    {
        if (await admin.PartitionCountAsync(topic, cancellation) is { } count)
        {
            if (topology.RepartitionTopics.Contains(topic))
            {
                partitions[topic] = count;
                await probe.ReadAsync(topic, cancellation);
                return CheckResult.Ok(TopicName(topic), $"repartition, {Count(count, "partition")}, may be read");
            }

            return CheckResult.Ok(TopicName(topic), $"output, {Count(count, "partition")}");
        }

        var sources = topology.SourcesOf(topic).Where(partitions.ContainsKey).Select(source => partitions[source]).ToList();
        var wanted = options.OutputPartitions > 0 ? options.OutputPartitions : sources.DefaultIfEmpty(1).Max();
        await admin.TryCreateTopicAsync(topic, wanted, cancellation);
        return CheckResult.Ok(TopicName(topic), "output, does not exist; the node may create it, and will");
    }

    private static async Task<CheckResult> TryAsync(string name, Func<Task<CheckResult>> check)
    {
        try
        {
            return await check();
        }
        catch (KafkaFailureException e)
        {
            var advice = name == KafkaName && e.Failure.Kind == KafkaFailureKind.Transient
                ? $". Is Kafka running there? {KafkaSettings.ServersKey} says where it is, Kafka:Common (security.protocol, ...) how to talk to it."
                : "";
            return CheckResult.Wrong(name, e.Message + advice);
        }
        catch (Exception e) when (e is KafkaException or ArgumentException or InvalidOperationException)
        {
            return CheckResult.Wrong(name, e.Message);
        }
    }

    private static string TopicName(string topic) => $"topic {topic}";

    private static string Count(int number, string what) => Invariant($"{number} {what}{(number == 1 ? "" : "s")}");

    private static string Invariant(FormattableString text) => text.ToString(CultureInfo.InvariantCulture);
}
