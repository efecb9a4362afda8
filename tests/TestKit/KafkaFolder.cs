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
    // $1 the script, $2 the broker's folder, $3 its port. Signals are ignored only once the broker runs: it would inherit that.
    private const string Keeper = """
        "$1" up --dir "$2" --port "$3" || exit
        trap '' INT TERM HUP
        while read -r _; do :; done
        kill -s KILL "$(cat "$2/1/pid")" 2>/dev/null
        rm -rf "$2" 2>/dev/null || { sleep 1; rm -rf "$2"; }
        """;

    private static readonly TimeSpan Patience = TimeSpan.FromSeconds(60);

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

    private string PidFile => Path.Combine(folder, "1", "pid");

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
            Process keeper = Process.Start(Command.PrepareOwnSession("/bin/sh", ["-c", Keeper, "kafka-keeper", script, folder, port], user: null))!;
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

    /// <summary>Starts the broker after <see cref="EndAsync"/>, and waits until it answers.</summary>
    public async Task StartAgainAsync()
    {
        CommandResult started = await Task.Run(() => Command.Run(script, ["start", "1", "--dir", folder]));
        if (started.ExitCode != 0)
        {
            throw new InvalidOperationException($"The Kafka broker does not start again: {started.Output}");
        }
    }

    /// <summary>Ends the broker's process, in order or not, and waits until it is gone.</summary>
    public async Task EndAsync(ProcessSignal signal)
    {
        int process = BrokerProcess();
        Signal(signal);
        await Eventually.True(() => Posix.CommandLineOf(process) is null, Patience, $"the Kafka broker, process {process}, ends");
        // The script takes a process that has ended, but that the system still lists, for a running one.
        File.Delete(PidFile);
    }

    /// <summary>Sends the broker's process a signal.</summary>
    public void Signal(ProcessSignal signal)
    {
        int process = BrokerProcess();
        if (!NodeProcess.Signal(process, signal))
        {
            throw new InvalidOperationException($"The Kafka broker in {folder}, process {process}, has ended.");
        }
    }

    public async ValueTask DisposeAsync()
    {
        keeper.StandardInput.Close();
        await keeper.WaitForExitAsync();
        keeper.Dispose();
    }

    private int BrokerProcess() => File.Exists(PidFile)
        ? int.Parse(File.ReadAllText(PidFile), CultureInfo.InvariantCulture)
        : throw new InvalidOperationException($"The Kafka broker in {folder} does not run.");
}
