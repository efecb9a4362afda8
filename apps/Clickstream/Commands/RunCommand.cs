using System.CommandLine;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Options;
using Streams;
using Streams.Hosting;
using Streams.Hosting.Embedded;

namespace Clickstream;

/// <summary>The command <c>run</c>: the pipeline, until it is told to stop.</summary>
internal static class RunCommand
{
    /// <summary>The command's name.</summary>
    public const string Name = "run";

    private const int EmbeddedPartitions = 4;

    private static readonly Option<bool> Embedded = new("--embedded")
    {
        Description = "Start a Kafka and a PostgreSQL of its own, both empty and gone afterwards.",
    };

    /// <summary>The command, for the root command.</summary>
    public static Command Create()
    {
        var command = new Command(Name, "Run the pipeline.") { Embedded }.WithSettings();
        command.SetAction(RunAsync);
        return command;
    }

    private static async Task<int> RunAsync(ParseResult arguments, CancellationToken cancellation)
    {
        try
        {
            await using var servers = arguments.GetValue(Embedded) ? await EmbeddedServers.StartAsync(cancellation) : null;
            var settings = arguments.NodeSettings();
            var topology = ClickstreamTopology.Build(Settings.Load(settings).Names());
            if (servers is not null)
            {
                servers.CreateTopics(topology, EmbeddedPartitions);
                Console.Error.WriteLine($"Kafka at {servers.Kafka.BootstrapServers}, PostgreSQL at {servers.Postgres.Uri}");
            }

            await using var app = Create(topology, settings, servers);
            await app.RunAsync(cancellation);
            return Environment.ExitCode;
        }
        catch (Exception e) when (e is OptionsValidationException or EmbeddedServerException or StreamsConfigurationException or DllNotFoundException)
        {
            Console.Error.WriteLine(e.Message);
            return 1;
        }
    }

    private static WebApplication Create(Topology topology, string[] settings, EmbeddedServers? servers) =>
        StreamsApplication.Create(
            topology,
            settings,
            Settings.ForNode(),
            builder =>
            {
                if (servers is not null)
                {
                    builder.Configuration.AddInMemoryCollection(servers.Settings);
                }
            });
}
