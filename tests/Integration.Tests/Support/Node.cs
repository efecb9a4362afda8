using System.Globalization;
using System.Net;
using System.Reflection;
using Streams.Hosting.Embedded;
using TestKit;

namespace Integration.Tests.Support;

/// <summary>The app as a process of its own, running the pipeline: <c>clickstream run</c>.</summary>
internal sealed class Node : IAsyncDisposable
{
    private readonly NodeProcess _process;
    private readonly HttpClient _http;

    private Node(NodeProcess process, string? name, int port)
    {
        Name = name;
        _process = process;
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
    }

    /// <summary>The app's program file, as built together with these tests.</summary>
    public static string Program { get; } = typeof(Node).Assembly.GetCustomAttributes<AssemblyMetadataAttribute>()
        .Single(a => a.Key == "Clickstream").Value!;

    /// <summary>What its configuration calls it; <c>null</c> for one without a name.</summary>
    public string? Name { get; }

    public bool HasExited => _process.HasExited;

    /// <summary>What it has logged.</summary>
    public IReadOnlyList<string> Lines => _process.Lines;

    public string Output => _process.Output;

    /// <summary>Starts one.</summary>
    /// <param name="settings">Its configuration, as environment variables.</param>
    /// <param name="program">The app's program file; <see cref="Program"/> if null.</param>
    public static Node Start(IReadOnlyDictionary<string, string?> settings, string? program = null)
    {
        var port = FreePort.Next();
        var environment = new Dictionary<string, string?>(settings) { ["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}" };
        return new Node(NodeProcess.Start(program ?? Program, ["run"], environment), settings.GetValueOrDefault("Streams__NodeName"), port);
    }

    /// <summary>Asks <c>/health/ready</c>; <c>null</c> while nobody answers.</summary>
    public async Task<(HttpStatusCode Status, string Text)?> ReadinessAsync()
    {
        try
        {
            using var response = await _http.GetAsync("/health/ready");
            return (response.StatusCode, await response.Content.ReadAsStringAsync());
        }
        catch (Exception e) when (e is HttpRequestException or TaskCanceledException)
        {
            return null;
        }
    }

    public Task WaitUntilReadyAsync() => WaitUntilAsync(HttpStatusCode.OK, "");

    public Task WaitUntilNotReadyAsync(string because) => WaitUntilAsync(HttpStatusCode.ServiceUnavailable, because);

    /// <summary>The sum of a metric over its labels, as <c>/metrics</c> tells it; 0 when it is not there.</summary>
    public async Task<double> MetricAsync(string name)
    {
        var text = await _http.GetStringAsync("/metrics");
        return text.Split('\n')
            .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal))
            .Sum(line => double.Parse(line[(line.LastIndexOf('}') + 1)..].Replace(name, "", StringComparison.Ordinal).Trim().Split(' ')[0], CultureInfo.InvariantCulture));
    }

    /// <summary>How many of its log lines contain a text.</summary>
    public int CountLines(string text) => Lines.Count(line => line.Contains(text, StringComparison.Ordinal));

    public Task<string> WaitForLineAsync(string text) => _process.WaitForLineAsync(text, Patience.Long);

    public void Signal(ProcessSignal signal) => Assert.True(_process.Signal(signal), $"The node has ended:\n{Output}");

    public Task KillAsync() => _process.KillAsync();

    /// <summary>Waits until it ends by itself, and returns its exit code.</summary>
    public Task<int> WaitForExitAsync(TimeSpan patience) => _process.WaitForExitAsync(patience);

    /// <summary>Asks it to end, and returns its exit code.</summary>
    public async Task<int> StopAsync(TimeSpan patience)
    {
        Signal(ProcessSignal.Terminate);
        return await _process.WaitForExitAsync(patience);
    }

    private async Task WaitUntilAsync(HttpStatusCode status, string text)
    {
        try
        {
            await Eventually.Until(
                ReadinessAsync,
                answer => HasExited || (answer?.Status == status && answer.Value.Text.Contains(text, StringComparison.Ordinal)),
                Patience.Long,
                $"/health/ready answers {status} {text}");
        }
        catch (TimeoutException e)
        {
            throw new TimeoutException($"{e.Message} The node wrote:\n{Output}", e);
        }

        Assert.False(HasExited, $"The node has ended:\n{Output}");
    }

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }
}
