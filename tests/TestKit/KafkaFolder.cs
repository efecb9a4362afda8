using System.Diagnostics;
using System.Globalization;
using Streams.Hosting.Embedded;

namespace TestKit;

/// <summary>
/// A real broker from the folder <c>shared/kafka</c> beside the repository, under a small shell that takes it down and wipes
/// its data when this process ends, however it ends.
/// </summary>
internal sealed class KafkaFolder : IAsyncDisposable
{
    // $1 the script, $2 the broker's folder, $3 its port.
    private const string Keeper = """
        trap '' INT TERM HUP
        "$1" up --dir "$2" --port "$3" || exit
        while read -r _; do :; done
        "$1" kill 1 --dir "$2" >/dev/null 2>&1
        "$1" down --dir "$2" --wipe >/dev/null 2>&1
        """;

    private readonly string script;
    private readonly string folder;
    private readonly Process keeper;

    private KafkaFolder(string script, string folder, Process keeper, string bootstrapServers)
    {
        this.script = script;
        this.folder = folder;
        this.keeper = keeper;
        BootstrapServers = bootstrapServers;
    }

    public string BootstrapServers { get; }

    /// <summary>The script that runs brokers; null where it, or the Java that it needs, is missing.</summary>
    public static string? FindScript()
    {
        string script = Path.GetFullPath(Path.Combine(Repository.Root, "..", "shared", "kafka", "kafka"));
        bool java = Environment.GetEnvironmentVariable("JAVA_HOME") is { Length: > 0 } || Command.Find("java") is not null;
        return File.Exists(script) && java ? script : null;
    }

    public static async Task<KafkaFolder> StartAsync(string script, CancellationToken cancel)
    {
        const int Attempts = 3;
        for (int attempt = 1; ; attempt++)
        {
            string folder = Path.Combine(Path.GetTempPath(), $"streams-tests-kafka-{Guid.NewGuid():N}");
            // The two ports behind it are the broker's, too.
            string port = FreePort.Next(3).ToString(CultureInfo.InvariantCulture);
            Process keeper = Process.Start(Command.Prepare("/bin/sh", ["-c", Keeper, "kafka-keeper", script, folder, port], user: null))!;
            Task<string> errors = keeper.StandardError.ReadToEndAsync(CancellationToken.None);
            if (await keeper.StandardOutput.ReadLineAsync(cancel) is { Length: > 0 } address)
            {
                return new KafkaFolder(script, folder, keeper, address);
            }
            keeper.StandardInput.Close();
            if (attempt == Attempts)
            {
                throw new InvalidOperationException($"The Kafka broker of {script} does not start: {await errors}");
            }
        }
    }

    /// <summary>One of the script's verbs for its only broker: stop, start, kill, pause, resume.</summary>
    public async Task DoAsync(string verb)
    {
        CommandResult done = await Task.Run(() => Command.Run(script, [verb, "1", "--dir", folder]));
        if (done.ExitCode != 0)
        {
            throw new InvalidOperationException($"kafka {verb} failed: {done.Output}");
        }
    }

    public async ValueTask DisposeAsync()
    {
        keeper.StandardInput.Close();
        await keeper.WaitForExitAsync();
        keeper.Dispose();
    }
}
