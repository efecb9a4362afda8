using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration.Memory;
using Microsoft.Extensions.Logging;

namespace Streams.Hosting;

/// <summary>A ready-made application around one topology, for programs that are nothing else.</summary>
/// <example><code>
/// var app = StreamsApplication.Create(topology, args);
/// await app.RunAsync();
/// </code></example>
public static class StreamsApplication
{
    /// <summary>Where health and metrics are served unless <c>Urls</c> (<c>ASPNETCORE_URLS</c>) says otherwise.</summary>
    public const string DefaultUrls = "http://*:8080";

    /// <summary>
    /// Builds the application: configuration from <c>appsettings.json</c>, environment variables and the command line, in
    /// that order; logs on the console; the node; health and metrics over HTTP.
    /// </summary>
    /// <param name="topology">What to run.</param>
    /// <param name="args">The command line, as .NET's configuration reads it: <c>--Streams:CommitInterval 00:00:01</c>.</param>
    /// <param name="defaults">Settings that hold where nothing else sets them.</param>
    /// <param name="configure">Further services and logging.</param>
    public static WebApplication Create(
        Topology topology,
        string[]? args = null,
        IEnumerable<KeyValuePair<string, string?>>? defaults = null,
        Action<WebApplicationBuilder>? configure = null)
    {
        var builder = WebApplication.CreateSlimBuilder(new WebApplicationOptions { Args = args, ContentRootPath = AppContext.BaseDirectory });
        builder.Configuration.Sources.Insert(0, new MemoryConfigurationSource
        {
            InitialData = [new("Urls", DefaultUrls), .. defaults ?? []],
        });

        builder.Logging.AddSimpleConsole(console =>
        {
            console.SingleLine = true;
            console.TimestampFormat = "HH:mm:ss.fff ";
        });
        builder.Logging.AddFilter("Microsoft", LogLevel.Warning).AddFilter("Npgsql", LogLevel.Error);
        builder.Services.AddStreams(topology);
        configure?.Invoke(builder);
        var app = builder.Build();
        app.MapStreams();
        return app;
    }
}
