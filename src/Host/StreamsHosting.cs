using System.Globalization;
using Microsoft.AspNetCore.Builder;
using Microsoft.AspNetCore.Http;
using Microsoft.AspNetCore.Routing;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.DependencyInjection.Extensions;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using OpenTelemetry.Metrics;
using Streams.Hosting.Kafka;
using Streams.Hosting.Postgres;
using Streams.Hosting.Runtime;
using Streams.Hosting.Telemetry;

namespace Streams.Hosting;

/// <summary>Adds a Streams node to an application on .NET's Generic Host.</summary>
/// <example><code>
/// var builder = WebApplication.CreateSlimBuilder(args);
/// builder.Services.AddStreams(topology);
/// var app = builder.Build();
/// app.MapStreams();
/// await app.RunAsync();
/// </code></example>
public static class StreamsHosting
{
    /// <summary>
    /// Adds the node that runs a topology. Configuration: section <c>Streams</c> (<see cref="StreamsOptions"/>),
    /// <c>ConnectionStrings:Kafka</c>, <c>ConnectionStrings:Postgres</c>, and librdkafka's properties under
    /// <c>Kafka:Common</c>, <c>Kafka:Consumer</c> and <c>Kafka:Producer</c>. Wrong values end the start with a message that
    /// names the key. The host's time to stop, <see cref="HostOptions.ShutdownTimeout"/>, becomes at least what the node may take.
    /// </summary>
    public static IServiceCollection AddStreams(this IServiceCollection services, Topology topology)
    {
        ArgumentNullException.ThrowIfNull(services);
        ArgumentNullException.ThrowIfNull(topology);
        services.AddOptions<StreamsOptions>().BindConfiguration(StreamsOptions.Section).ValidateOnStart();
        services.AddSingleton<IValidateOptions<StreamsOptions>, StreamsOptionsValidator>();
        services.AddOptions<HostOptions>().PostConfigure<IConfiguration>(GiveTimeToStop);
        services.TryAddSingleton(TimeProvider.System);
        services.AddSingleton(topology);
        services.AddSingleton<NodeIdentity>();
        services.AddSingleton<NodeHealth>();
        services.AddSingleton<NodeMetrics>();
        services.AddSingleton(provider => provider.GetRequiredService<NodeMetrics>().Totals);
        services.AddSingleton(provider => KafkaSettings.From(provider.GetRequiredService<IConfiguration>()));
        services.AddSingleton<IStateStore>(CreateStore);
        services.AddHostedService<StreamsNode>();
        services.AddOpenTelemetry().WithMetrics(metrics => metrics
            .AddMeter(NodeMetrics.MeterName, "Npgsql", "System.Runtime")
            .AddPrometheusExporter());
        return services;
    }

    /// <summary>
    /// Maps <c>/health/live</c> (the process answers), <c>/health/ready</c> (it takes part in the group and reaches Kafka and
    /// PostgreSQL; 503 and the reasons otherwise) and <c>/metrics</c> (Prometheus).
    /// </summary>
    public static IEndpointRouteBuilder MapStreams(this IEndpointRouteBuilder endpoints)
    {
        ArgumentNullException.ThrowIfNull(endpoints);
        endpoints.MapGet("/health/live", () => Results.Text("live\n"));
        endpoints.MapGet("/health/ready", (NodeHealth health) => health.IsReady
            ? Results.Text("ready\n")
            : Results.Text(string.Concat(health.Problems.Select(p => p + "\n")), statusCode: StatusCodes.Status503ServiceUnavailable));
        endpoints.MapPrometheusScrapingEndpoint("/metrics");
        return endpoints;
    }

    /// <exception cref="StreamsConfigurationException">It is not set.</exception>
    internal static string PostgresConnection(IConfiguration configuration) =>
        configuration.GetConnectionString("Postgres") is { } connection && !string.IsNullOrWhiteSpace(connection)
            ? connection
            : throw new StreamsConfigurationException(
                "ConnectionStrings:Postgres is not set: it says where PostgreSQL is, such as Host=localhost;Database=streams;Username=streams;Password=... "
                + "(as an environment variable: ConnectionStrings__Postgres).");

    internal static PostgresOptions PostgresLimits(IConfiguration configuration) =>
        configuration.GetSection($"{StreamsOptions.Section}:Postgres").Get<PostgresOptions>() ?? new PostgresOptions();

    /// <summary>
    /// Takeovers that have begun are given up after a third of the node's time, then commits have all of it, and leaving the group
    /// takes a little. A value that is wrong is for the start to report.
    /// </summary>
    private static void GiveTimeToStop(HostOptions host, IConfiguration configuration)
    {
        var setting = configuration[$"{StreamsOptions.Section}:{nameof(StreamsOptions.ShutdownTimeout)}"];
        var node = TimeSpan.TryParse(setting, CultureInfo.InvariantCulture, out var time) ? time : new StreamsOptions().ShutdownTimeout;
        var needed = (node * 4 / 3) + TimeSpan.FromSeconds(10);
        host.ShutdownTimeout = host.ShutdownTimeout < needed ? needed : host.ShutdownTimeout;
    }

    private static PostgresStateStore CreateStore(IServiceProvider services)
    {
        var configuration = services.GetRequiredService<IConfiguration>();
        var connection = PostgresConnection(configuration);
        var application = services.GetRequiredService<IOptions<StreamsOptions>>().Value.ApplicationId;
        var node = services.GetRequiredService<NodeIdentity>().Name;
        var limits = PostgresLimits(configuration);
        var loggers = services.GetRequiredService<ILoggerFactory>();
        return new PostgresStateStore(
            PostgresDataSource.Create(connection, application, node, limits, loggers),
            application,
            services.GetRequiredService<Topology>(),
            node,
            limits,
            loggers.CreateLogger<PostgresStateStore>());
    }
}
