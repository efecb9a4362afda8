using System.Runtime.CompilerServices;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Options;
using Streams.Hosting.Kafka;
using Streams.Hosting.Kafka.Native;

namespace Streams.Hosting.Diagnostics;

/// <summary>
/// Tries what a node needs before it runs, with the node's own settings: configuration, Kafka, topics, the consumer group,
/// transactions, PostgreSQL, tables and rights. Makes no topic, no table and no record, joins no group, and disturbs no
/// node that runs. Whether an output topic may be written to is not tried, since that would leave records there.
/// </summary>
/// <example><code>
/// await foreach (var result in StreamsCheck.RunAsync(topology, configuration))
/// {
///     Console.WriteLine($"{result.Outcome} {result.Name}: {result.Message}");
/// }
/// </code></example>
public static class StreamsCheck
{
    /// <summary>Tries everything, one after the other. What cannot be reached costs some 10 seconds.</summary>
    /// <param name="topology">What the node is to run.</param>
    /// <param name="configuration">The node's configuration, as for <see cref="StreamsHosting.AddStreams"/>.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <returns>The results as they come. The node can run if none is <see cref="CheckOutcome.Wrong"/>.</returns>
    public static IAsyncEnumerable<CheckResult> RunAsync(Topology topology, IConfiguration configuration, CancellationToken cancellation = default)
    {
        ArgumentNullException.ThrowIfNull(topology);
        ArgumentNullException.ThrowIfNull(configuration);
        return TryAsync(topology, configuration, cancellation);
    }

    private static async IAsyncEnumerable<CheckResult> TryAsync(
        Topology topology, IConfiguration configuration, [EnumeratorCancellation] CancellationToken cancellation)
    {
        var problems = new List<string>();
        var options = Read(problems, () => Options(configuration, topology));
        var kafka = Read(problems, () => Kafka(configuration));
        var postgres = Read(problems, () => PostgresChecks.From(configuration, topology, options?.ApplicationId ?? "unknown"));
        yield return problems.Count > 0
            ? CheckResult.Wrong("configuration", string.Join('\n', problems))
            : CheckResult.Ok("configuration", $"application {options!.ApplicationId}, {Promise(options)}, a commit every {options.CommitInterval.TotalMilliseconds:0.###} ms; librdkafka {LibRdKafka.Version}");

        var kafkaResults = kafka is null || options is null
            ? KafkaChecks.NotTried(topology, "the configuration is wrong")
            : new KafkaChecks(kafka, options, topology).RunAsync(cancellation);
        await foreach (var result in kafkaResults)
        {
            yield return result;
        }

        var postgresResults = postgres is null || options is null ? PostgresChecks.NotTried("the configuration is wrong") : postgres.RunAsync(cancellation);
        await foreach (var result in postgresResults)
        {
            yield return result;
        }
    }

    private static StreamsOptions Options(IConfiguration configuration, Topology topology)
    {
        var options = configuration.GetSection(StreamsOptions.Section).Get<StreamsOptions>() ?? new StreamsOptions();
        var validation = new StreamsOptionsValidator().Validate(null, options);
        if (validation.Failed)
        {
            throw new OptionsValidationException(StreamsOptions.Section, typeof(StreamsOptions), validation.Failures);
        }

        options.ThrowIfUnfitFor(topology);
        return options;
    }

    private static KafkaSettings Kafka(IConfiguration configuration)
    {
        LibRdKafka.EnsureLoaded();
        var settings = KafkaSettings.From(configuration);
        settings.Check();
        return settings;
    }

    private static string Promise(StreamsOptions options) => options.Guarantee == Guarantee.ExactlyOnce ? "exactly once" : "at least once";

    /// <summary>Reads one part of the configuration, or says what is wrong with it.</summary>
    private static T? Read<T>(List<string> problems, Func<T> read) where T : class
    {
        try
        {
            return read();
        }
        catch (OptionsValidationException e)
        {
            problems.AddRange(e.Failures);
        }
        catch (Exception e) when (e is StreamsConfigurationException or ArgumentException or InvalidOperationException or DllNotFoundException)
        {
            // The binder's own message names the key; why the value does not fit is in the inner one.
            problems.Add(e.InnerException is { } inner and not StreamsConfigurationException ? $"{e.Message} {inner.Message}" : e.Message);
        }

        return null;
    }
}
