using System.Diagnostics;
using System.Globalization;
using System.Net;
using Streams.Bench.Measuring;
using Streams.Hosting.Embedded;
using TestKit;

namespace Streams.Bench.Live;

/// <summary>The app itself as a process of its own, <c>clickstream run</c>, seen from outside.</summary>
internal sealed class NodeUnderTest : IAsyncDisposable
{
    private static readonly TimeSpan Patience = TimeSpan.FromMinutes(2);
    private static readonly TimeSpan Look = TimeSpan.FromMilliseconds(5);

    private readonly NodeProcess _process;
    private readonly HttpClient _http;
    private readonly long _started;

    private NodeUnderTest(NodeProcess process, int port, long started)
    {
        _process = process;
        _started = started;
        _http = new HttpClient { BaseAddress = new Uri($"http://127.0.0.1:{port}"), Timeout = TimeSpan.FromSeconds(10) };
    }

    /// <summary>The app's program file, built together with this program.</summary>
    public static string App { get; } = Path.Combine(AppContext.BaseDirectory, "clickstream.dll");

    public double PeakMegabytes => ProcessFacts.PeakMegabytes(_process.Id);

    public static NodeUnderTest Start(IEnumerable<KeyValuePair<string, string?>> settings)
    {
        var port = FreePort.Next();
        var environment = settings.ToDictionary(s => s.Key.Replace(":", "__", StringComparison.Ordinal).Replace('.', '_'), s => s.Value);
        environment["ASPNETCORE_URLS"] = $"http://127.0.0.1:{port}";
        environment["Logging__LogLevel__Default"] = "Warning";
        environment["MALLOC_ARENA_MAX"] = "2"; // As the image has it.
        var started = Stopwatch.GetTimestamp();
        return new NodeUnderTest(NodeProcess.Start(App, ["run"], environment), port, started);
    }

    /// <summary>Waits until it says that it is ready.</summary>
    /// <returns>How long that took from its start.</returns>
    public async Task<TimeSpan> WaitUntilReadyAsync(CancellationToken cancellation)
    {
        while (true)
        {
            try
            {
                using var answer = await _http.GetAsync("/health/ready", cancellation);
                if (answer.StatusCode == HttpStatusCode.OK)
                {
                    return Stopwatch.GetElapsedTime(_started);
                }
            }
            catch (HttpRequestException)
            {
                // It does not listen yet.
            }

            if (_process.HasExited || Stopwatch.GetElapsedTime(_started) > Patience)
            {
                throw new BenchException($"The node does not get ready. It wrote:\n{_process.Output}");
            }

            await Task.Delay(Look, cancellation);
        }
    }

    /// <summary>What it has used so far, and how many records it has committed.</summary>
    public async Task<Usage> UsageAsync(CancellationToken cancellation)
    {
        var metrics = await _http.GetStringAsync("/metrics", cancellation);
        return new Usage(
            Stopwatch.GetTimestamp(), ProcessFacts.Cpu(_process.Id), Sum(metrics, "dotnet_gc_heap_total_allocated_bytes_total"), Sum(metrics, "streams_records_total"));
    }

    /// <summary>Ends it in order.</summary>
    public async Task StopAsync()
    {
        _process.Signal(ProcessSignal.Terminate);
        await _process.WaitForExitAsync(Patience);
    }

    /// <summary>Ends it without a chance to do anything.</summary>
    public void Kill() => _process.Signal(ProcessSignal.Kill);

    public async ValueTask DisposeAsync()
    {
        _http.Dispose();
        await _process.DisposeAsync();
    }

    private static long Sum(string metrics, string name) => (long)metrics.Split('\n')
        .Where(line => line.StartsWith(name + "{", StringComparison.Ordinal) || line.StartsWith(name + " ", StringComparison.Ordinal))
        .Sum(line => double.Parse(line[(line.LastIndexOf('}') + 1)..].Replace(name, "", StringComparison.Ordinal).Trim().Split(' ')[0], CultureInfo.InvariantCulture));
}
