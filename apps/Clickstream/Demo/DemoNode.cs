using System.Net;
using Microsoft.AspNetCore.Builder;
using Microsoft.Extensions.Configuration;
using Microsoft.Extensions.DependencyInjection;
using Microsoft.Extensions.Hosting;
using Microsoft.Extensions.Logging;
using Microsoft.Extensions.Options;
using Streams;
using Streams.Hosting;
using Streams.Hosting.Telemetry;

namespace Clickstream;

/// <summary>The pipeline, as <c>run</c> would run it, in this process: on a free port, without a word on the console.</summary>
internal sealed class DemoNode : IAsyncDisposable
{
    private readonly WebApplication _app;
    private readonly HttpClient _http = new() { Timeout = TimeSpan.FromSeconds(2) };

    private DemoNode(WebApplication app, Warnings warnings)
    {
        _app = app;
        Warnings = warnings;
        Totals = app.Services.GetRequiredService<NodeTotals>();
        Application = app.Services.GetRequiredService<IOptions<StreamsOptions>>().Value.ApplicationId;
    }

    /// <summary>What it has done so far.</summary>
    public NodeTotals Totals { get; }

    /// <summary>Its application id.</summary>
    public string Application { get; }

    /// <summary>What it warns of.</summary>
    public Warnings Warnings { get; }

    /// <summary>Where its health and metrics are.</summary>
    public string Url => _app.Urls.First();

    /// <summary>Is cancelled when the node stops, whether told to or because it cannot go on.</summary>
    public CancellationToken Stopping => _app.Lifetime.ApplicationStopping;

    /// <summary>Starts the node; it is not ready yet.</summary>
    /// <param name="topology">What to run.</param>
    /// <param name="configuration">Its sections <c>Streams</c> and <c>Logging</c> count; where the servers are is given by <paramref name="servers"/>.</param>
    /// <param name="servers">The servers.</param>
    /// <param name="cancellation">Ends the start.</param>
    public static async Task<DemoNode> StartAsync(
        Topology topology, IConfiguration configuration, EmbeddedServers servers, CancellationToken cancellation)
    {
        var warnings = new Warnings();
        var app = StreamsApplication.Create(topology, configure: builder =>
        {
            // Settings for other servers than the embedded ones, and a port that may be taken, are not for the demo.
            builder.Configuration.Sources.Clear();
            builder.Configuration
                .AddInMemoryCollection(Settings.ForNode())
                .AddInMemoryCollection(configuration.GetSection(StreamsOptions.Section).AsEnumerable())
                .AddInMemoryCollection(servers.Settings)
                .AddInMemoryCollection([new("Urls", "http://127.0.0.1:0")]);
            builder.Logging.ClearProviders().AddProvider(warnings);
            builder.Services.AddSingleton<IHostLifetime, NoLifetime>();
        });
        var node = new DemoNode(app, warnings);
        try
        {
            await app.StartAsync(cancellation);
            return node;
        }
        catch
        {
            await node.DisposeAsync();
            throw;
        }
    }

    /// <summary>What keeps the node from its work; <c>null</c> when it is ready.</summary>
    public async Task<string?> ProblemAsync(CancellationToken cancellation)
    {
        try
        {
            using var answer = await _http.GetAsync($"{Url}/health/ready", cancellation);
            return answer.StatusCode == HttpStatusCode.OK ? null : (await answer.Content.ReadAsStringAsync(cancellation)).Trim().ReplaceLineEndings("; ");
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException && !cancellation.IsCancellationRequested)
        {
            return $"no answer from {Url}: {e.Message}";
        }
    }

    /// <summary>Waits until the node is ready.</summary>
    /// <exception cref="DemoException">It has failed, or is not ready in time.</exception>
    public async Task WaitUntilReadyAsync(TimeSpan patience, CancellationToken cancellation)
    {
        using var giveUp = CancellationTokenSource.CreateLinkedTokenSource(cancellation, Stopping);
        giveUp.CancelAfter(patience);
        string? problem = null;
        try
        {
            while ((problem = await ProblemAsync(giveUp.Token)) is not null)
            {
                await Task.Delay(TimeSpan.FromMilliseconds(50), giveUp.Token);
            }
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new DemoException(Stopping.IsCancellationRequested
                ? $"The node has stopped. {LastWarning}"
                : $"The node is not ready after {patience.TotalSeconds:N0} s: {problem}");
        }
    }

    /// <summary>What it warned of last.</summary>
    public string LastWarning => Warnings.Lines is [.., var last] ? last : "";

    /// <summary>Commits what it has, and stops.</summary>
    /// <returns>Whether it did so in time.</returns>
    public async Task<bool> StopAsync(TimeSpan patience)
    {
        using var timeout = new CancellationTokenSource(patience);
        try
        {
            await _app.StopAsync(timeout.Token).WaitAsync(timeout.Token);
            return true;
        }
        catch (OperationCanceledException)
        {
            return false;
        }
    }

    /// <inheritdoc/>
    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _app.DisposeAsync();
    }

    /// <summary>Ctrl-C ends the traffic; the node goes on until everything has come through.</summary>
    private sealed class NoLifetime : IHostLifetime
    {
        public Task WaitForStartAsync(CancellationToken cancellationToken) => Task.CompletedTask;

        public Task StopAsync(CancellationToken cancellationToken) => Task.CompletedTask;
    }
}
